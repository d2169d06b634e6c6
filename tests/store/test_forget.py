"""What is to be forgotten is gone everywhere, and nothing else is."""

import ipaddress
import sqlite3
import time

import pytest
from fail2bans import Fail2banDatabase
from hypothesis import example, given
from hypothesis import strategies as st

from bangui_cli.rules import networks
from bangui_cli.store import open_upkeep

OLD = "2026-01-01T00:00:00.000Z"
TABLES = ("geo_cache", "geo_cache_dirty", "ban_history")
TEXTS = (
    "192.0.2.1", "192.0.2.2", "192.0.2.10", "192.0.20.1", "193.0.2.1", "2001:db8::1", "2001:db8:1::1",
    "2001:db9::1", "::1", "1::", "0.0.0.0", "255.255.255.255",
)  # fmt: skip
BANS = (*TEXTS, "192.0.2.0/25", "192.0.0.0/16", "2001:db8::/33", "::/0")


def know(bangui, cached=TEXTS, dirty=TEXTS, bans=BANS):
    connection = bangui.connect()
    rows = [[(ip, OLD) for ip in ips] for ips in (cached, dirty, bans)]
    connection.executemany("INSERT INTO geo_cache (ip, cached_at) VALUES (?, ?)", rows[0])
    connection.executemany("INSERT INTO geo_cache_dirty (ip, resolved_at) VALUES (?, ?)", rows[1])
    connection.executemany("INSERT INTO ban_history VALUES ('web1', 'sshd', ?, ?, 600, 1, 5)", rows[2])
    connection.execute("INSERT INTO collect_state VALUES ('web1', 'mark'), ('web2', 'mark')")
    connection.close()


def left(bangui):
    return [{ip for (ip,) in bangui.rows(f"SELECT ip FROM {table}")} for table in TABLES]


def test_an_address_is_forgotten_everywhere(bangui):
    """In cache, dirty set and history, and the report says how much of each."""
    know(bangui)

    told = bangui.ok("forget", "192.0.2.1", "2001:DB8:0::1", "--json").json

    gone = {"192.0.2.1", "2001:db8::1"}
    assert left(bangui) == [set(TEXTS) - gone, set(TEXTS) - gone, set(BANS) - gone]
    assert (told["cache"], told["dirty"], told["history"]) == (2, 2, 2)


def test_a_network_is_all_that_is_in_it(bangui):
    """Addresses, and the networks that lie within; a wider one stays."""
    know(bangui)

    bangui.ok("forget", "192.0.2.77/24")

    gone = {"192.0.2.1", "192.0.2.2", "192.0.2.10", "192.0.2.0/25"}
    assert left(bangui) == [set(TEXTS) - gone, set(TEXTS) - gone, set(BANS) - gone]


def _is_in(text, network):
    inner, outer = map(ipaddress.ip_network, (text, network))
    return inner.version == outer.version and inner.subnet_of(outer)


_PLACES = st.ip_addresses() | st.sampled_from(BANS).map(
    lambda text: ipaddress.ip_address(text.split("/")[0])
)
_NETWORKS = st.builds(
    lambda ip, share: networks.normalise(f"{ip}/{round(share * ip.max_prefixlen)}"),
    _PLACES,
    st.floats(0, 1),
)


@given(targets=st.lists(_NETWORKS, min_size=1, max_size=3))
@example(targets=["0.0.0.0/0"])
@example(targets=["::/0"])
@example(targets=["2000::/3"])
def test_whatever_the_network_just_what_is_in_it_goes(initialised, tmp_path_factory, targets):
    """The text of an address begins in many ways, since `::` stands for zeros anywhere."""
    path = tmp_path_factory.mktemp("forget") / "bangui.db"
    path.write_bytes(initialised.read_bytes())
    path.chmod(0o600)
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.executemany(
            "INSERT INTO geo_cache (ip, cached_at) VALUES (?, '')", [(ip,) for ip in TEXTS]
        )
        rows = [(ip,) for ip in BANS]
        connection.executemany("INSERT INTO ban_history VALUES ('', '', ?, '', 0, 0, 0)", rows)
    connection.close()
    with open_upkeep(str(path)) as store:
        forgotten = store.forget(targets)

    gone = {text for text in BANS if any(_is_in(text, target) for target in targets)}
    assert forgotten == (len(gone & set(TEXTS)), 0, len(gone))


def test_other_spellings_are_forgotten_too(bangui):
    """BanGUI caches an address as it finds it."""
    spelt = ("2001:DB8::1", "2001:0db8:0:0::2", "::ffff:192.0.2.9", "2001:DB9::1", "nonsense:")
    know(bangui, cached=spelt, dirty=(), bans=())

    bangui.ok("forget", "2001:db8::/32", "192.0.2.9")

    assert left(bangui)[0] == {"2001:DB9::1", "nonsense:"}


def test_nothing_known_is_no_failure(bangui):
    """Whoever forgets must be able to do it twice."""
    know(bangui)
    content = bangui.database.read_bytes()

    told = bangui.ok("forget", "198.51.100.1", "198.51.100.0/24", "--json").json

    assert (told["cache"], told["dirty"], told["history"]) == (0, 0, 0)
    assert content == bangui.database.read_bytes()


@pytest.mark.parametrize("text", ["web1.example", "192.0.2.0/33", "192.0.2.256", "fe80::1%eth0", ""])
def test_what_is_neither_is_rejected_and_nothing_is_deleted(bangui, text):
    """A typing mistake in one of ten must not leave nine forgotten."""
    know(bangui)

    ended = bangui.run("forget", "192.0.2.1", text)

    assert (ended.code, "was rejected" in ended.events[-1]["error"]) == (65, True)
    assert left(bangui)[0] == set(TEXTS)


def test_every_instance_reads_all_bans_anew(bangui):
    """Else a ban that fail2ban holds would be missing from then on."""
    know(bangui)

    bangui.ok("forget", "192.0.2.1")

    assert bangui.rows("SELECT * FROM collect_state") == []


def test_what_fail2ban_still_holds_is_told_and_comes_back(bangui):
    """The warning says so before it does."""
    fail2ban = Fail2banDatabase(bangui.home / "fail2ban.sqlite3")
    bangui.environment["BANGUI_FAIL2BAN_DB"] = str(fail2ban.path)
    fail2ban.ban("192.0.2.1", time.time() - 60)
    bangui.ok("collect", "--no-resolve")

    told = bangui.ok("forget", "192.0.2.0/24", "192.0.2.9", "--json")

    assert (told.json["history"], told.json["held_by_fail2ban"]) == (1, 1)
    assert told.event_names == ["forgotten_still_banned"]
    bangui.ok("collect", "--no-resolve")
    assert bangui.rows("SELECT ip FROM ban_history") == [("192.0.2.1",)]
    fail2ban.unban("192.0.2.1")
    again = bangui.ok("forget", "192.0.2.1", "--json")
    assert (again.json["held_by_fail2ban"], again.stderr) == (0, "")


def test_the_text_is_gone_from_the_file(bangui):
    """What was to be forgotten must not be found in free pages."""
    know(bangui, cached=("203.0.113.77",), dirty=("203.0.113.77",), bans=("203.0.113.77",))

    bangui.ok("forget", "203.0.113.77")

    assert b"203.0.113.77" not in bangui.database.read_bytes()


def test_what_a_flush_left_of_it_goes_with_a_compaction(bangui):
    """Rows that move leave their text behind in free space; the manual says how to be rid of it."""
    rows = "".join(f'{{"ip": "192.0.2.{number}", "org": "Secret {number}"}}\n' for number in range(60))
    bangui.ok("import", input=rows)
    bangui.ok("flush")

    bangui.ok("forget", "192.0.2.33")
    bangui.ok("prune", "--compact")

    assert b"Secret 33" not in bangui.database.read_bytes()


def test_a_person_is_told_how_much(bangui):
    """One sentence on the terminal."""
    know(bangui)

    _, shown = bangui.on_terminal("forget", "192.0.2.1")

    assert shown.strip() == "forgot 2 entries and 1 ban"


def test_a_log_is_told_how_much(bangui):
    """A script that deletes what a person asked to be deleted keeps it as the proof, without the address."""
    know(bangui)

    first, second = (bangui.ok("forget", "192.0.2.1").events[-1] for _ in range(2))

    assert (first["event"], first["level"]) == ("addresses_forgotten", "info")
    assert (first["cache"], first["dirty"], first["history"]) == (1, 1, 1)
    assert (second["cache"], second["dirty"], second["history"]) == (0, 0, 0)
