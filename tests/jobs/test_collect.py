"""`collect` remembers each ban of fail2ban once, and stages what is known of its address."""

import json
import shutil
import sys
import time

import geoip
import pytest
from conftest import wait_until
from fail2bans import PAUSED, Fail2banDatabase

from bangui_cli.rules import timestamps

NOW_S = int(time.time())
HISTORY = "SELECT jail, ip, banned_at, bantime_s, bancount, failures FROM ban_history ORDER BY 3, 1, 2"
KEYS = ["job", "outcome", "read", "recorded", "updated", "skipped", "staged", "resolved", "duration_s",
        "correlation_id"]  # fmt: skip


@pytest.fixture
def fail2ban(bangui):
    """Give fail2ban a database, and bangui its path and no MMDB file."""
    database = Fail2banDatabase(bangui.home / "fail2ban.sqlite3")
    bangui.environment["BANGUI_FAIL2BAN_DB"] = str(database.path)
    return database


@pytest.fixture
def mmdb(bangui):
    """Write an MMDB file that knows two networks."""
    records = {
        "192.0.2.0/24": geoip.country("DE", "Germany"),
        "2001:db8::/32": geoip.country("FR", "France"),
    }
    return geoip.write_mmdb(bangui.home / "country.mmdb", records)


def collect(bangui, *arguments):
    """Collect, and return what was counted."""
    counts = bangui.ok("collect", "--json", *arguments).json
    return {key: counts[key] for key in KEYS[2:8] if counts[key]}


def text(at_s):
    return timestamps.to_text(at_s)


def history(bangui):
    return bangui.rows(HISTORY)


def dirty(bangui):
    return bangui.rows("SELECT ip, country_code FROM geo_cache_dirty ORDER BY ip")


def test_each_ban_is_remembered_once(bangui, fail2ban):
    """With the values that the later row of the same jail, address and time has."""
    fail2ban.ban("192.0.2.1", NOW_S - 20)
    fail2ban.ban("192.0.2.1", NOW_S - 10, bancount=2, bantime=1200)
    fail2ban.ban("192.0.2.1", NOW_S - 10, jail="web", bantime=-1, failures=None)

    assert collect(bangui) == {"read": 3, "recorded": 3}
    assert collect(bangui) == {}
    fail2ban.ban("192.0.2.1", NOW_S - 10, bancount=3, bantime=2400)
    assert collect(bangui) == {"read": 1, "updated": 1}
    assert history(bangui) == [
        ("sshd", "192.0.2.1", text(NOW_S - 20), 600, 1, 5),
        ("sshd", "192.0.2.1", text(NOW_S - 10), 2400, 3, 5),
        ("web", "192.0.2.1", text(NOW_S - 10), -1, 1, None),
    ]


@pytest.fixture
def paused(bangui):
    """Start a run that stops behind its first look at fail2ban's database; return what lets it go on."""
    home = bangui.home / "paused"
    home.mkdir()
    process = bangui.start("collect", "--json", program=[sys.executable, "-c", PAUSED, home])
    wait_until((home / "looked").exists)

    def go_on():
        (home / "go").touch()
        return bangui.end(process)

    return go_on


@pytest.mark.parametrize("begun", [False, True])
def test_an_older_look_that_commits_last_counts_for_nothing(bangui, fail2ban, request, begun):
    """Another run has read a later row of the same ban meanwhile: its values stay."""
    if begun:
        fail2ban.ban("192.0.2.9", NOW_S - 50)
        collect(bangui)
    fail2ban.ban("192.0.2.1", NOW_S, bancount=1)
    go_on = request.getfixturevalue("paused")
    fail2ban.ban("192.0.2.1", NOW_S, bancount=2)
    assert collect(bangui) == {"read": 2, "recorded": 1}

    ended = go_on()

    assert (ended.code, ended.json["recorded"], ended.json["updated"]) == (0, 0, 0)
    assert history(bangui)[-1][1:5:3] == ("192.0.2.1", 2)


def test_a_database_that_is_replaced_while_it_is_read_is_read_whole(bangui, fail2ban, request):
    """What was read of the old one counts, too."""
    for number in range(10):
        fail2ban.ban(f"192.0.2.{number}", NOW_S)
    go_on = request.getfixturevalue("paused")
    fail2ban.create()
    for number in range(10, 30):
        fail2ban.ban(f"192.0.2.{number}", NOW_S)

    assert go_on().json["recorded"] == 1 + 20
    assert collect(bangui) == {}


def test_what_is_forgotten_while_a_run_reads_is_read_again(bangui, fail2ban, request):
    """The mark is gone, and with it what the run knew."""
    fail2ban.ban("192.0.2.1", NOW_S - 10)
    collect(bangui)
    fail2ban.ban("192.0.2.2", NOW_S)
    go_on = request.getfixturevalue("paused")
    bangui.execute("DELETE FROM ban_history")
    bangui.execute("DELETE FROM collect_state")

    assert go_on().json["recorded"] == 2


def test_a_ban_that_is_written_late_is_met(bangui, fail2ban):
    """fail2ban reads an old log: the time of the ban is older than what was recorded before."""
    fail2ban.ban("192.0.2.1", NOW_S - 10)
    collect(bangui)
    fail2ban.ban("192.0.2.2", NOW_S - 5000)

    assert collect(bangui) == {"read": 1, "recorded": 1}


def test_permanent_bans_outlive_the_purge(bangui, fail2ban):
    """Only `bips` knows them by then; what `bans` has, too, is read once."""
    fail2ban.ban("192.0.2.1", NOW_S - 90_000, bantime=-1)
    fail2ban.ban("192.0.2.2", NOW_S - 90_000)
    fail2ban.ban("192.0.2.3", NOW_S - 10, bantime=-1)
    fail2ban.purge(NOW_S - 86_400)

    assert collect(bangui) == {"read": 2, "recorded": 2}
    fail2ban.purge(NOW_S)
    assert collect(bangui) == {}
    assert [row[1] for row in history(bangui)] == ["192.0.2.1", "192.0.2.3"]


def test_what_fail2ban_forgets_stays(bangui, fail2ban):
    """Purged, unbanned, or its database made anew; numbers of rows are given again."""
    for number in range(10):
        fail2ban.ban(f"192.0.2.{number}", NOW_S - 100 + number)
    collect(bangui)
    fail2ban.unban("192.0.2.9")
    fail2ban.ban("192.0.2.10", NOW_S - 50)
    assert collect(bangui)["recorded"] == 1
    fail2ban.purge(NOW_S - 60)
    fail2ban.ban("192.0.2.11", NOW_S - 40)
    assert collect(bangui)["recorded"] == 1
    fail2ban.create()
    for number in range(12, 30):
        fail2ban.ban(f"192.0.2.{number}", NOW_S - number)
    assert collect(bangui)["recorded"] == 18
    assert len(history(bangui)) == 30


def test_a_database_from_a_backup_is_read_on_from_where_it_parts(bangui, fail2ban):
    """What was written since the backup stands in the places of what was lost."""
    for number in range(20):
        fail2ban.ban(f"192.0.2.{number}", NOW_S - 100 + number)
    backup = fail2ban.path.with_suffix(".backup")
    shutil.copy(fail2ban.path, backup)
    for number in range(20, 40):
        fail2ban.ban(f"192.0.2.{number}", NOW_S - 100 + number)
    collect(bangui)
    shutil.copy(backup, fail2ban.path)
    for number in range(40, 60):
        fail2ban.ban(f"192.0.2.{number}", NOW_S - 100 + number)

    assert collect(bangui)["recorded"] == 20
    fail2ban.execute("DELETE FROM bans WHERE rowid < 10")
    fail2ban.execute("VACUUM")
    fail2ban.ban("192.0.2.60", NOW_S)
    assert collect(bangui)["recorded"] == 1
    assert len({row[1] for row in history(bangui)}) == 61


def test_a_bantime_with_a_fraction_ends(bangui, fail2ban):
    """fail2ban's `bantime.rndtime` adds a random part; taken for unknown, it would be in force for ever."""
    fail2ban.ban("192.0.2.1", NOW_S - 7200, bantime=1205.80574296786)

    assert collect(bangui) == {"read": 1, "recorded": 1}
    assert bangui.rows("SELECT bantime_s FROM ban_history") == [(1205,)]
    assert bangui.ok("bans", "--active", "--json").json["total"] == 0


def test_what_is_no_ban_is_skipped_and_counted_once(bangui, fail2ban):
    """Networks are bans, in normal form; a bantime of -2 is kept."""
    fail2ban.ban("198.51.100.7/24", NOW_S, bantime=-2)
    fail2ban.ban("198.51.100.7/32", NOW_S)
    for ip in ("example.org", "192.0.2.0/99", "", b"\xff"):
        fail2ban.ban(ip, NOW_S)
    for time_s in ("yesterday", 10**12, 2**62, -(10**12)):
        fail2ban.ban("192.0.2.1", time_s)

    assert collect(bangui) == {"read": 10, "recorded": 2, "skipped": 8}
    fail2ban.execute("DELETE FROM bans WHERE rowid < 8")
    assert collect(bangui) == {}
    assert [row[1::2] for row in history(bangui)] == [
        ("198.51.100.0/24", -2, 5), ("198.51.100.7", 600, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        '{"failures": ', "17", "null", '{"failures": "many"}', b'{"failures": \xff}', '{"failures": [3]}',
        json.dumps({"matches": ["x" * 2_000_000], "failures": 5}),
    ],
    ids=range(7),
)  # fmt: skip
def test_failures_that_cannot_be_read_are_none(bangui, fail2ban, data):
    """Matches may be megabytes; the bans before and behind are whole."""
    fail2ban.ban("192.0.2.1", NOW_S - 2)
    fail2ban.ban("192.0.2.2", NOW_S - 1, data=data)
    fail2ban.ban("192.0.2.3", NOW_S)

    assert collect(bangui) == {"read": 3, "recorded": 3}
    assert [row[5] for row in history(bangui)] == [5, None, 5]
    assert collect(bangui) == {}


@pytest.mark.parametrize("column", ["jail", "ip"])
def test_a_row_that_is_too_long_ends_nothing(bangui, fail2ban, column):
    """It is skipped, and what is written behind it is read."""
    fail2ban.ban("192.0.2.1", NOW_S)
    fail2ban.ban(**{"ip": "192.0.2.2", "at_s": NOW_S, column: "x" * 2_000_000})
    fail2ban.ban("192.0.2.3", NOW_S)

    assert collect(bangui)["recorded"] == 2
    fail2ban.ban("192.0.2.4", NOW_S)
    assert collect(bangui)["recorded"] == 1


def test_what_is_older_than_the_retention_is_not_recorded(bangui, fail2ban):
    """Prune would delete it again; with never everything is kept."""
    fail2ban.ban("192.0.2.1", NOW_S - 90_000)
    fail2ban.ban("192.0.2.2", NOW_S - 80_000)

    bangui.environment["BANGUI_HISTORY_RETENTION"] = "1d"
    assert collect(bangui) == {"read": 2, "recorded": 1}
    assert collect(bangui) == {}


@pytest.mark.parametrize("longer", ["2d", "never"])
def test_what_was_too_old_is_recorded_once_more_is_kept(bangui, fail2ban, longer):
    """It was behind the mark then, and missed for good; what is still too old is read again once."""
    for age_s in (400_000 if longer == "2d" else 90_100, 90_000, 80_000):
        fail2ban.ban("192.0.2.1", NOW_S - age_s)
    bangui.environment["BANGUI_HISTORY_RETENTION"] = "1d"
    assert collect(bangui) == {"read": 3, "recorded": 1}

    bangui.environment["BANGUI_HISTORY_RETENTION"] = longer

    assert collect(bangui) == {"read": 3, "recorded": 1 if longer == "2d" else 2}
    assert collect(bangui) == {}


def test_one_run_resolves_what_it_records(bangui, fail2ban, mmdb):
    """A network by its first address; what no file knows is staged without a country."""
    for ip in ("192.0.2.1", "192.0.2.130/25", "2001:db8::1", "203.0.113.9"):
        fail2ban.ban(ip, NOW_S)

    assert collect(bangui, "--geoip-db", mmdb) == {"read": 4, "recorded": 4, "staged": 4, "resolved": 3}
    assert dirty(bangui) == [
        ("192.0.2.1", "DE"), ("192.0.2.128", "DE"), ("2001:db8::1", "FR"), ("203.0.113.9", None),
    ]  # fmt: skip
    fail2ban.ban("192.0.2.1", NOW_S + 1)
    assert collect(bangui, "--geoip-db", mmdb) == {"read": 1, "recorded": 1}
    fail2ban.ban("192.0.2.1", NOW_S + 2)
    counts = collect(bangui, "--geoip-db", mmdb, "--max-age", "0")
    assert counts == {"read": 1, "recorded": 1, "staged": 1, "resolved": 1}


@pytest.mark.parametrize("first", [[], ["--no-resolve"]])
def test_what_was_left_unresolved_is_resolved_later(bangui, fail2ban, mmdb, first):
    """Once an MMDB file is there, all that the history holds; also what was lost since."""
    for number in range(700):
        fail2ban.ban(f"192.0.{number // 250}.{number % 250}", NOW_S)

    assert collect(bangui, *first) == {"read": 700, "recorded": 700}
    assert collect(bangui, "--geoip-db", mmdb)["staged"] == 700
    assert collect(bangui, "--geoip-db", mmdb) == {}
    bangui.execute("DELETE FROM geo_cache_dirty WHERE ip IN ('192.0.0.1', '192.0.2.199')")
    staged = [collect(bangui, "--geoip-db", mmdb).get("staged", 0) for _ in range(3)]
    assert sum(staged) == 2


def test_another_instance_and_what_is_spelt_otherwise_are_left_alone(bangui, fail2ban, mmdb):
    """Each resolves its own; BanGUI may have cached an address in capitals."""
    fail2ban.ban("2001:db8::1", NOW_S)
    collect(bangui, "--no-resolve")
    bangui.execute("INSERT INTO geo_cache (ip, country_code) VALUES ('2001:DB8::1', 'FR')")

    assert collect(bangui, "--geoip-db", mmdb, "--instance", "web2", "--fail2ban", fail2ban.path) == {
        "read": 1, "recorded": 1,
    }  # fmt: skip
    assert collect(bangui, "--geoip-db", mmdb) == {}


def test_an_mmdb_file_that_cannot_be_used_costs_no_ban(bangui, fail2ban, mmdb):
    """The bans are recorded first; the run ends with what is wrong with the file."""
    fail2ban.ban("192.0.2.1", NOW_S)
    broken = bangui.home / "broken.mmdb"
    broken.write_text("no MMDB file")

    ended = bangui.run("collect", "--json", "--geoip-db", broken)

    assert (ended.code, ended.json["outcome"], ended.json["recorded"]) == (65, "error", 1)
    assert ended.event_names == ["history_sync_error"]
    assert collect(bangui, "--geoip-db", mmdb) == {"staged": 1, "resolved": 1}


def test_the_object_has_the_keys_of_the_contract(bangui, fail2ban):
    """Scripts read it."""
    assert list(bangui.ok("collect", "--format", "json").json) == KEYS


def test_a_run_is_recorded_for_its_instance(bangui, fail2ban):
    """Outside the scheduler lock: each instance collects its own host."""
    fail2ban.ban("192.0.2.1", NOW_S)
    for instance in ("web1", "web2"):
        bangui.ok("collect", "--instance", instance, "--correlation-id", f"of-{instance}")
    fail2ban.path.unlink()
    bangui.run("collect", "--instance", "web2")

    states = bangui.rows("SELECT instance, last_outcome, last_count, failures_total FROM job_state")
    assert sorted(states) == [("web1", "ok", 1, 0), ("web2", "error", 0, 1)]
    assert bangui.rows("SELECT count(*) FROM scheduler_lock") == [(0,)]
    assert bangui.rows("SELECT instance, ip FROM ban_history ORDER BY 1") == [
        ("web1", "192.0.2.1"), ("web2", "192.0.2.1"),
    ]  # fmt: skip


def test_the_event_tells_only_of_what_was_recorded(bangui, fail2ban):
    """Silent at the usual level."""
    fail2ban.ban("192.0.2.1", NOW_S)

    [told] = bangui.ok("collect", "-v").events
    assert told["event"] == "history_sync_ran"
    assert (told["level"], told["job"], told["recorded"]) == ("debug", "history_sync", 1)
    assert bangui.ok("collect", "-v").events == []
    fail2ban.ban("192.0.2.2", NOW_S)
    assert bangui.ok("collect").stderr == ""


@pytest.mark.parametrize("way", ["--fail2ban", "environment"])
def test_no_database_of_fail2bans_is_no_input(bangui, way):
    """With a hint how to find it."""
    arguments = ["--fail2ban", "/nowhere"] if way == "--fail2ban" else []
    ended = bangui.run("collect", *arguments, env={"BANGUI_FAIL2BAN_DB": "/nowhere"})

    assert ended.code == 66
    assert "fail2ban-client get dbfile" in ended.events[-1]["hint"]


def test_a_person_is_told_in_a_sentence(bangui, fail2ban, mmdb):
    """On a terminal alone."""
    fail2ban.ban("192.0.2.1", NOW_S)
    fail2ban.ban("nonsense", NOW_S)

    _, shown = bangui.on_terminal("collect")
    assert shown == (
        "recorded 1 ban, skipped 1 without an address or a time; "
        "there is no MMDB file to look addresses up in\n"
    )
    _, shown = bangui.on_terminal("collect", "--geoip-db", mmdb)
    assert shown == "no new ban; staged 1 address, 1 with a country\n"
    assert bangui.ok("collect").stdout == ""
