"""`bangui report --history`: what the bans of a year are counted by."""

import csv
import io
import json
import os
import stat
import time

import geoip
import pytest
from histories import ban, furnish

from bangui_cli.rules import timestamps

PERMANENT = {"bantime_s": -1, "bancount": 3}
BANS = [
    ban("192.0.2.1", "2026-03-01T10:00:00"),
    ban("192.0.2.1", "2026-03-01T12:00:00", jail="web"),
    ban("192.0.2.2", "2026-03-03T10:00:00", instance="web2"),
    ban("198.51.100.0/24", "2026-03-03T10:00:00", jail="web", **PERMANENT),
    ban("2001:db8::1", "2026-04-01T00:00:00"),
    ban("203.0.113.9", "2026-04-01T00:30:00"),
]


@pytest.fixture
def history(bangui):
    return furnish(bangui, BANS)


def report(bangui, *options, zone="UTC", source="--history"):
    return bangui.ok("report", source, *options, "--json", env={"TZ": zone}).json


def counts(found):
    return {row["key"]: row["count"] for row in found["rows"]}


@pytest.mark.parametrize(
    ("by", "expected", "unknown"),
    [
        ("country", {"DE": 3, "EU": 1, "FR": 1}, 1),
        ("asn", {"AS64496": 3, "AS64497": 1}, 2),
        ("org", {"Example AG": 3, "Exemple SA": 1}, 2),
        ("jail", {"sshd": 4, "web": 2}, 0),
        ("instance", {"web1": 5, "web2": 1}, 0),
    ],
)
def test_bans_are_counted_by_where_they_come_from_and_who_banned(history, by, expected, unknown):
    """The most frequent first; a network counts for its first address."""
    found = report(history, "--by", by)

    assert (found["by"], counts(found), found["unknown"]) == (by, expected, unknown)
    assert (found["total"], found["other"]) == (6, 0)
    assert list(counts(found)) == sorted(expected, key=lambda key: (-expected[key], key))


def test_a_code_that_is_no_country_has_its_row_and_is_no_country(history):
    """EU is where a range belongs to nobody in particular; a name that is missing is ISO's."""
    found = report(history)

    assert found["countries"] == 2
    assert {row["key"]: row["name"] for row in found["rows"]} == {
        "DE": "Germany", "EU": None, "FR": "France",
    }  # fmt: skip
    assert "countries" not in report(history, "--by", "asn")


def test_an_address_tells_its_origin_and_its_first_and_last_ban(history):
    """Whole, in JSON and CSV: who blocks an address needs all of it."""
    found = report(history, "--by", "ip", "--top", "2")

    assert found["rows"][0] == {
        "key": "192.0.2.1", "name": "Germany", "count": 2, "share": 0.3333,
        "country_code": "DE", "asn": "AS64496", "org": "Example AG",
        "first_at": "2026-03-01T10:00:00.000Z", "last_at": "2026-03-01T12:00:00.000Z",
    }  # fmt: skip
    assert (found["rows"][1]["key"], found["rows"][1]["name"]) == ("192.0.2.2", "France")
    assert (found["total"], found["other"], found["unknown"]) == (6, 3, 0)
    text = history.ok("report", "--history", "--by", "ip", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["key"] for row in rows] == [
        "192.0.2.1", "192.0.2.2", "198.51.100.0/24", "2001:db8::1", "203.0.113.9",
    ]  # fmt: skip
    assert rows[2]["country_code"] == "EU"


@pytest.mark.parametrize(
    ("by", "zone", "expected"),
    [
        ("day", "UTC", {"2026-03-01": 2, "2026-03-02": 0, "2026-03-03": 2, "2026-04-01": 2}),
        ("day", "America/New_York", {"2026-03-01": 2, "2026-03-03": 2, "2026-03-31": 2}),
        ("week", "UTC", {"2026-W09": 2, "2026-W10": 2, "2026-W11": 0, "2026-W14": 2}),
        ("month", "UTC", {"2026-03": 4, "2026-04": 2}),
        ("month", "America/New_York", {"2026-03": 6}),
        (
            "hour",
            "Asia/Kathmandu",
            {"2026-03-01T15:00": 1, "2026-03-01T16:00": 0, "2026-04-01T06:00": 1},
        ),
    ],
)
def test_times_are_local_in_order_and_without_a_gap(history, by, zone, expected):
    """A day without a ban is a day all the same."""
    found = report(history, "--by", by, zone=zone)
    keys = list(counts(found))

    assert keys == sorted(keys)
    assert expected.items() <= counts(found).items()
    assert sum(counts(found).values()) == found["total"] == 6


def test_daylight_saving_neither_loses_nor_doubles_a_ban(bangui):
    """The clock shows two in the morning twice; it is one hour, and no key stands twice."""
    furnish(bangui, [ban("192.0.2.1", f"2026-10-25T0{hour}:30") for hour in range(4)])

    assert [
        (row["key"], row["count"]) for row in report(bangui, "--by=hour", zone="Europe/Berlin")["rows"]
    ] == [("2026-10-25T02:00", 2), ("2026-10-25T03:00", 1), ("2026-10-25T04:00", 1)]


def test_since_counts_and_until_does_not(history):
    """So that two spans that meet count each ban once."""
    moment = "2026-03-03T10:00:00Z"

    assert report(history, "--until", moment)["total"] == 2
    assert report(history, "--since", moment)["total"] == 4
    assert report(history, "--since", moment, "--until", "2026-04-01T00:30:00Z")["total"] == 3
    assert report(history, "--since=2026-04-01", zone="America/New_York")["total"] == 0


def test_a_span_has_its_empty_days_up_to_now(bangui):
    """Who asks for a week sees seven days, also where nothing happened."""
    found = report(bangui, "--since", "7d", "--by", "day")

    assert [row["count"] for row in found["rows"]] == [0] * 8
    assert (found["total"], report(bangui, "--by", "day")["rows"]) == (0, [])


def test_the_busiest_hours_stay_in_the_order_of_time(history):
    """The rest is summed up, as everywhere."""
    found = report(history, "--by", "day", "--top", "2")

    assert counts(found) == {"2026-03-01": 2, "2026-03-03": 2}
    assert found["other"] == 2


@pytest.mark.parametrize(
    ("options", "total"),
    [
        (["--jail", "web"], 2),
        (["--jail", "web", "--jail", "sshd"], 6),
        (["--from-instance", "web2"], 1),
        (["--from-instance", "web2", "--jail", "web"], 0),
        (["--active"], 1),
    ],
)
def test_filters_leave_out_what_they_say(history, options, total):
    """A permanent ban is in force, one of ten minutes in March is not."""
    assert report(history, *options)["total"] == total


def test_a_jail_without_a_ban_is_named(history):
    """It may be a typing mistake, also beside one that is not."""
    ended = history.ok("report", "--history", "--jail", "ssh", "--jail", "web")

    assert [(event["jail"], event["jails"]) for event in ended.events] == [("ssh", ["sshd", "web"])]


@pytest.mark.parametrize(
    "options",
    [
        ["--history", "--fail2ban"], ["--by", "jail"], ["--by", "day"], ["--since", "1d"],
        ["--from-instance", "web1"], ["--fail2ban", "--by", "instance"],
        ["--fail2ban", "--from-instance", "web1"],
        ["--history", "--by", "hour", "--since", "1970-01-02"],
    ],
)  # fmt: skip
def test_what_a_source_does_not_know_is_a_usage_error(bangui, options):
    """It would be passed over in silence; half a century of hours would fill the memory."""
    ended = bangui.run("report", *options)

    assert (ended.code, ended.stdout) == (2, "")
    assert ended.events[-1]["hint"]


def test_names_of_other_programs_are_no_commands(bangui):
    """A jail is named by whoever configures fail2ban; bytes that are no UTF-8 are shown as what they are."""
    jails = "=1+1", "\x1b[2J", "\t=1+1"
    furnish(bangui, [ban("192.0.2.1", "2026-03-01", jail=jail) for jail in jails])
    insert = "INSERT INTO ban_history VALUES ('web1', CAST(x'6aff' AS TEXT), '192.0.2.1', '2026-03-03T00:00:00.000Z', 1, 1, 1)"
    bangui.execute(insert)

    text = bangui.ok("report", "--history", "--by", "jail", "--format", "csv").stdout
    keys = [row["key"] for row in csv.DictReader(io.StringIO(text))]
    assert keys == ["'\\t'=1+1", "\\x1b[2J", "'=1+1", "j\ufffd"]
    assert "\x1b" not in bangui.ok("report", "--history", "--by", "jail").stdout


def test_a_jail_is_found_by_the_bytes_of_its_name(bangui):
    """A shell gives them as they are; collect has recorded what they are shown as."""
    furnish(bangui, [ban("192.0.2.1", "2026-03-01", jail="j\ufffd"), ban("192.0.2.1", "2026-03-02")])

    ended = bangui.ok(
        "report", "--history", "--jail", b"j\xff".decode("utf-8", "surrogateescape"), "--json"
    )
    assert (ended.json["total"], ended.stderr) == (1, "")


def test_the_output_is_replaced_whole_and_a_failure_leaves_it(history, tmp_path):
    """A web server never serves half a report, nor loses yesterday's."""
    path = tmp_path / "report.json"
    path.write_text("yesterday's")
    history.ok(
        "report",
        "--history",
        "--json",
        "--output",
        path,
        under=["sh", "-c", 'umask 077; exec "$@"', "-"],
    )

    assert json.loads(path.read_text())["total"] == 6
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    before = path.read_text()
    os.rename(history.database, tmp_path / "gone")
    assert history.run("report", "--history", "--output", path).code == 66
    assert path.read_text() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["gone", "report.json"]


def test_the_database_is_no_place_for_a_report(history):
    """It would be gone, and with it the year of bans."""
    assert history.run("report", "--history", "--output", history.database).code == 2
    assert report(history)["total"] == 6


@pytest.fixture
def fail2ban(bangui, tmp_path):
    """Let fail2ban's database have what the history has, and a time that is none."""
    rows = [(one.jail, one.ip, int(timestamps.to_wall_s(one.banned_at)), one.bantime_s) for one in BANS]
    path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", rows, [rows[3]])
    furnish(bangui, BANS)
    bangui.environment["BANGUI_FAIL2BAN_DB"] = str(path)
    return bangui


@pytest.mark.parametrize("by", ["country", "asn", "jail", "ip", "hour", "day", "week", "month"])
@pytest.mark.parametrize(
    "options",
    [[], ["--active"], ["--jail=web"], ["--since=2026-03-02", "--until=2026-04-01"], ["--top=1"]],
    ids=" ".join,
)
def test_both_sources_count_alike(fail2ban, by, options):
    """What fail2ban still knows is what was collected from it."""
    asked = ["--by", by, *options]

    assert report(fail2ban, *asked, source="--fail2ban") == report(fail2ban, *asked)


def test_a_ban_of_no_time_is_counted_as_unknown(fail2ban, tmp_path):
    """fail2ban's file is not trusted: no value in it ends a report."""
    path = geoip.write_fail2ban(
        tmp_path / "odd.sqlite3",
        [
            ("sshd", "192.0.2.1", "never", 1),
            ("sshd", "192.0.2.1", 10**14, 1),
            ("sshd", "x", 1772323200, 1),
        ],
    )
    fail2ban.environment["BANGUI_FAIL2BAN_DB"] = str(path)

    by_day = report(fail2ban, "--by", "day", source="--fail2ban")
    assert (counts(by_day), by_day["unknown"]) == ({"2026-03-01": 1}, 2)
    rows = {row["key"]: row for row in report(fail2ban, "--by", "ip", source="--fail2ban")["rows"]}
    assert (rows["192.0.2.1"]["count"], rows["192.0.2.1"]["first_at"]) == (2, None)
    assert rows["x"]["last_at"] == "2026-03-01T00:00:00.000Z"


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("by", ["ip", "hour", "jail"])
def test_a_table_of_bans_fits_the_terminal(history, by, columns):
    """Also the longest address, and a network of it."""
    furnish_long = ban("2001:db8:ffff:ffff:ffff:ffff:ffff:0/112", "2026-03-01")
    history.execute("INSERT INTO ban_history VALUES (?, ?, ?, ?, ?, ?, ?)", *furnish_long)
    _, shown = history.on_terminal("report", "--history", "--by", by, env={"COLUMNS": str(columns)})

    assert max(map(len, shown.splitlines())) <= columns


def test_active_is_judged_by_the_clock(bangui):
    """A ban that ends in an hour is in force, one that ended a minute ago is not."""
    now_s = time.time()
    at = [timestamps.to_text(now_s - ago_s) for ago_s in (600, 660)]
    furnish(bangui, [ban("192.0.2.1", at[0], bantime_s=4200), ban("192.0.2.2", at[1], bantime_s=600)])

    assert counts(report(bangui, "--active")) == {"DE": 1}
