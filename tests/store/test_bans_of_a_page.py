"""What a page asks of the memory of bans, beside what a table does."""

import bisect
import ipaddress
from collections import Counter

from histories import ban, fill
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.access import reading
from bangui_cli.rules import masking
from bangui_cli.store.bans import EVERY_BAN, BanFilter

groups = st.sampled_from([0, 0, 1, 0xDB8, 0xFFFF])
ipv6 = st.tuples(st.sampled_from([1, 0x2001]), *[groups] * 7).map(
    lambda parts: str(ipaddress.ip_address(":".join(f"{part:x}" for part in parts)))
)
ipv4 = st.tuples(*[st.sampled_from([0, 1, 192, 255])] * 4).map(lambda parts: ".".join(map(str, parts)))
wide = st.tuples(ipv4, st.integers(0, 31)) | st.tuples(ipv6, st.integers(0, 127))
networks = wide.map(lambda pair: str(ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False)))


@given(ips=st.lists(ipv4 | ipv6 | networks, min_size=1, max_size=12))
def test_addresses_count_together_that_are_the_same_once_masked(either_database, ips):
    """A page that shows networks would else show one of them twice, and none of them whole."""
    fill(either_database, [ban(ip, f"2026-01-01T00:00:{place:02}") for place, ip in enumerate(ips)])

    with reading.open_snapshot(either_database) as store:
        counted = store.bans.count_by_masked_address(EVERY_BAN, 10**6)
        first = store.bans.count_by_masked_address(EVERY_BAN, 1)

    expected = Counter(masking.mask_addresses(ip) for ip in ips)
    assert counted == sorted(expected.items(), key=lambda item: (-item[1], item[0]))
    assert first == counted[:1]


MOMENTS = [f"2026-01-0{day}T00:00:00.000Z" for day in range(1, 8)]
rows = st.lists(
    st.builds(ban, st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]), st.sampled_from(MOMENTS),
              jail=st.sampled_from(["sshd", "web"])),
    unique_by=lambda row: row[:4],
)  # fmt: skip


@given(
    rows=rows,
    moments=st.lists(st.sampled_from(MOMENTS), unique=True).map(sorted),
    jails=st.sampled_from([(), ("web",)]),
)
def test_bans_between_moments_are_each_in_one_place(either_database, rows, moments, jails):
    """The first moment of a day is in it, and none is between two days."""
    fill(either_database, rows)
    with reading.open_snapshot(either_database) as store:
        counted = store.bans.count_between(BanFilter(jails=jails), moments)

    meant = [row for row in rows if row.jail in (jails or ("sshd", "web"))]
    assert {(place, jail): bans for place, jail, bans in counted} == Counter(
        (bisect.bisect_right(moments, row.banned_at), row.jail) for row in meant
    )


def test_bans_between_moments_keep_to_the_time_that_is_asked_for(either_database):
    """A bar at the edge holds what is within alone."""
    fill(either_database, [ban("192.0.2.1", moment) for moment in MOMENTS])
    with reading.open_snapshot(either_database) as store:
        counted = store.bans.count_between(BanFilter(since=MOMENTS[1], until=MOMENTS[5]), [MOMENTS[3]])

    assert counted == [(0, "sshd", 2), (1, "sshd", 2)]


@given(rows=rows, before=st.sampled_from([None, MOMENTS[1]]))
def test_origins_count_bans_and_addresses_of_a_time_and_of_the_one_before(either_database, rows, before):
    """One look at each address, whatever is asked of it."""
    fill(
        either_database,
        rows,
        [
            ("192.0.2.1", "DE", "Germany", "AS1", "One", MOMENTS[0]),
            ("192.0.2.2", "DE", None, None, None, MOMENTS[0]),
        ],
    )
    with reading.open_snapshot(either_database) as store:
        counted = store.bans.count_by_origin(BanFilter(since=MOMENTS[4], until=MOMENTS[6]), before)

    expected = {}
    for ip, origin in (("192.0.2.1", ("DE", "Germany", "AS1", "One")), ("192.0.2.2", ("DE", None, None, None)),
                       ("2001:db8::1", (None,) * 4)):  # fmt: skip
        now = sum(row.ip == ip and MOMENTS[4] <= row.banned_at < MOMENTS[6] for row in rows)
        then = sum(row.ip == ip and (before or MOMENTS[4]) <= row.banned_at < MOMENTS[4] for row in rows)
        if now or then:
            expected[origin] = (now, now > 0, then, then > 0)
    assert {one[:4]: one[4:] for one in counted} == expected
