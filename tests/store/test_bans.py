"""The memory of bans: each question gets the answer that one row after the other gives."""

from collections import Counter

import pytest
from histories import Banned, ban, fill
from hypothesis import given, settings
from hypothesis import strategies as st

from bangui_cli.access import reading
from bangui_cli.resolving.lookup import look_up
from bangui_cli.rules import networks, timestamps
from bangui_cli.store import open_store
from bangui_cli.store.bans import EVERY_BAN, ORIGINS, SOURCES, BanFilter, Extent

# Few of each, so that rows meet: in normal form, and as BanGUI spells them, too.
SPELLINGS = {
    "192.0.2.1": ["192.0.2.1", "::ffff:192.0.2.1"],
    "192.0.2.128": ["192.0.2.128"],
    "198.51.100.0": ["198.51.100.0"],
    "2001:db8::": ["2001:db8::", "2001:DB8:0::"],
    "2001:db8::1": ["2001:db8::1", "2001:db8:0:0::1"],
}
NETWORKS = ["192.0.2.0/24", "192.0.2.128/25", "198.51.100.0/24", "2001:db8::/32", "2001:db8::/64"]
TIMES = ["2026-01-01T00:00:00.000Z", "2026-01-01T00:14:59.000Z", "2026-01-01T00:15:00.000Z"]
MOMENTS = [*TIMES, "2026-01-01T00:10:00.000Z", "2026-01-01T00:25:00.500Z"]
FUTURE = "2099-01-01T00:00:00.000Z"
CODES = [None, "", "-", "XX", "DE", "de", "UK", "GB", "EU"]

banned = st.builds(
    Banned,
    st.sampled_from(["web1", "web2"]),
    st.sampled_from(["sshd", "web"]),
    st.sampled_from([*SPELLINGS, *NETWORKS]),
    st.sampled_from(TIMES),
    st.sampled_from([-2, -1, 0, 600, 900]),
    st.integers(1, 3),
    st.sampled_from([None, 5]),
)
histories = st.lists(banned, max_size=12, unique_by=lambda row: row[:4])
origins = st.tuples(
    st.sampled_from(CODES),
    st.sampled_from([None, "Name"]),
    st.sampled_from([None, "", "AS1", "AS2"]),
    st.sampled_from([None, "Org", "=org"]),
    st.sampled_from([TIMES[0], TIMES[1], FUTURE]),
)
caches = st.dictionaries(st.sampled_from([s for all_ in SPELLINGS.values() for s in all_]), origins)
dirty = st.dictionaries(
    st.sampled_from(list(SPELLINGS)),
    origins.map(
        lambda o: (o[0] if o[0] in ("DE", "GB") else None, o[1], o[2] or None, o[3] or None, o[4])
    ),
)
filters = st.builds(
    BanFilter,
    st.sampled_from([None, *MOMENTS]),
    st.sampled_from([None, *MOMENTS]),
    st.sampled_from([None, *MOMENTS]),
    st.sampled_from([(), ("sshd",), ("web", "none")]),
    st.sampled_from([(), ("web1",), ("web1", "web2")]),
    st.sampled_from([(), ("GB",), ("DE", "EU")]),
    st.sampled_from(
        [
            (),
            ("192.0.2.1",),
            ("192.0.2.0/24",),
            ("2001:db8::1", "192.0.0.0/8"),
            ("10.0.0.0/8",),
            ("::/0",),
        ]
    ),
)


def is_meant(row, which, country):
    """Decide of one ban what the filter says in words."""
    ends_s = timestamps.to_wall_s(row.banned_at) + row.bantime_s
    own = networks.span(row.ip)
    asked = [networks.span(text) for text in which.addresses]
    return (
        (which.since is None or row.banned_at >= which.since)
        and (which.until is None or row.banned_at < which.until)
        and (
            which.active_at is None
            or row.bantime_s < 0
            or ends_s > timestamps.to_wall_s(which.active_at)
        )
        and (not which.jails or row.jail in which.jails)
        and (not which.instances or row.instance in which.instances)
        and (not which.countries or country in which.countries)
        and (
            not asked
            or any(one.holds(own) or (one.length == one.bits and own.holds(one)) for one in asked)
        )
    )


def origin_of(found, row):
    """Return what `lookup` tells of a ban's address, a network's first one."""
    entry = found[networks.first_address(row.ip)].entry
    return entry.country_code, entry.country_name, entry.asn, entry.org


@settings(max_examples=100)
@given(rows=histories, cache=caches, waiting=dirty, which=filters)
def test_every_question_gets_the_answer_of_the_rows_one_by_one(
    either_database, rows, cache, waiting, which
):
    """Whatever the filter, the spelling of the cache, and what waits to be flushed."""
    fill(
        either_database,
        rows,
        [(ip, *origin) for ip, origin in cache.items()],
        [(ip, *origin) for ip, origin in waiting.items()],
    )
    found = look_up(either_database, [*SPELLINGS, *map(networks.first_address, NETWORKS)])
    origin = {row: origin_of(found, row) for row in rows}
    meant = [row for row in rows if is_meant(row, which, origin[row][0])]
    moments = [row.banned_at for row in meant]

    with open_store(either_database) as store:
        with reading.one_state(store):
            bans = store.bans
            extent, listed = bans.extent(which), bans.list_newest(which)
            counted = {key: bans.count_by(key, which) for key in (*ORIGINS, *SOURCES)}
            by_address, addresses = bans.count_by_address(which, 100), bans.count_addresses(which)
            over_time = bans.count_over_time(which)
            copies = bans.copy_newest(which), bans.copy_by_address(which)
        copied = [(len(copy), list(copy), list(copy)) for copy in copies]

    assert copied == [(len(rows_), rows_, rows_) for rows_ in (listed, by_address)]
    assert extent == Extent(len(meant), min(moments, default=None), max(moments, default=None))
    order = sorted(meant, key=lambda row: (row.banned_at, row.instance, row.jail, row.ip), reverse=True)
    assert [(one.instance, one.jail, one.ip, *one[:1], *one[4:7]) for one in listed] == order
    assert [one[7:] for one in listed] == [origin[row] for row in order]
    expected = {
        "country": Counter((origin[row][0], origin[row][1]) for row in meant),
        "asn": Counter((origin[row][2], origin[row][3]) for row in meant),
        "org": Counter((origin[row][3], None) for row in meant),
        "jail": Counter((row.jail, None) for row in meant),
        "instance": Counter((row.instance, None) for row in meant),
    }
    assert {key: {(k, n): bans for k, n, bans in rows_} for key, rows_ in counted.items()} == expected
    ips = Counter(row.ip for row in meant)
    assert addresses == len(ips)
    assert [(one.ip, one.bans) for one in by_address] == sorted(ips.items(), key=lambda i: (-i[1], i[0]))
    for one in by_address:
        own = [row for row in meant if row.ip == one.ip]
        assert one[2:6] == origin[own[0]]
        assert one[6:] == (min(r.banned_at for r in own), max(r.banned_at for r in own))
    quarters = Counter(
        (int(timestamps.to_wall_s(row.banned_at)) // 900 * 900, row.jail) for row in meant
    )
    assert [((q.start_s, q.jail), q.bans) for q in over_time] == sorted(quarters.items())


def test_only_so_many_are_returned_as_were_asked_for(either_database):
    """A history of years does not fit into memory."""
    rows = [ban("192.0.2.1", f"2026-01-01T00:00:0{n}") for n in range(3)]
    fill(either_database, [*rows, ban("192.0.2.128", "2026-01-02")])

    with reading.open_snapshot(either_database) as store:
        newest, most = store.bans.list_newest(EVERY_BAN, 2), store.bans.count_by_address(EVERY_BAN, 1)
        copied = store.bans.copy_newest(EVERY_BAN, 2), store.bans.copy_by_address(EVERY_BAN, 1)
        assert [list(copy) for copy in copied] == [newest, most]

    assert [one.banned_at for one in newest] == ["2026-01-02T00:00:00.000Z", rows[2].banned_at]
    assert [(one.ip, one.bans) for one in most] == [("192.0.2.1", 3)]


@pytest.mark.parametrize(
    ("active_at", "bans"),
    [("2026-01-01T00:09:59.999Z", 1), ("2026-01-01T00:10:00.000Z", 0), ("2026-01-01T00:10:00.500Z", 0)],
)
def test_a_ban_is_over_at_the_moment_of_its_end(either_database, active_at, bans):
    """As fail2ban sees it: what ends now is no longer in force."""
    fill(either_database, [ban("192.0.2.1", "2026-01-01T00:00:00.000Z", bantime_s=600)])

    with reading.open_snapshot(either_database) as store:
        assert store.bans.extent(BanFilter(active_at=active_at)).bans == bans
