"""`bangui bans` and `bangui lookup`: the bans that are remembered, one by one."""

import csv
import io

import pytest
from histories import ban, furnish

BANS = [
    ban("192.0.2.1", "2026-03-01T10:00:00", bancount=2),
    ban("192.0.2.2", "2026-03-02", jail="web", instance="web2"),
    ban("192.0.2.0/24", "2026-03-03", jail="web", bantime_s=-1),
    ban("198.51.100.0/24", "2026-03-04", bantime_s=-2, failures=None),
    ban("203.0.113.9", "2026-03-05"),
]


@pytest.fixture
def history(bangui):
    return furnish(bangui, BANS)


def listed(bangui, *options):
    return [row["ip"] for row in bangui.ok("bans", *options, "--json").json["bans"]]


ALL = ["203.0.113.9", "198.51.100.0/24", "192.0.2.0/24", "192.0.2.2", "192.0.2.1"]


@pytest.mark.parametrize(
    ("options", "ips"),
    [
        ([], ALL),
        (["--jail", "web"], ALL[2:4]),
        (["--from-instance", "web1", "--since", "2026-03-03T00:00Z"], ALL[:3]),
        (["--until", "2026-03-03T00:00Z"], ALL[3:]),
        (["--country", "de"], ALL[4:]),
        (["--country", "FR,EU"], [ALL[1], ALL[3]]),
        (["--country", "FR", "--country", "DE"], ALL[3:]),
        (["--active"], ALL[1:3]),
        (["--ip", "192.0.2.1"], ["192.0.2.0/24", "192.0.2.1"]),
        (["--ip", "192.0.2.77"], ["192.0.2.0/24"]),
        (["--ip", "::ffff:192.0.2.2"], ["192.0.2.0/24", "192.0.2.2"]),
        (["--ip", "192.0.2.5/24"], ["192.0.2.0/24", "192.0.2.2", "192.0.2.1"]),
        (["--ip", "192.0.2.0/31"], ["192.0.2.1"]),
        (["--ip", "192.0.2.1", "--ip", "203.0.113.0/24"], ["203.0.113.9", "192.0.2.0/24", "192.0.2.1"]),
        (["--ip", "0.0.0.0/0", "--limit", "2"], ALL[:2]),
        (["--ip", "10.0.0.0/8"], []),
    ],
)
def test_bans_are_listed_the_newest_first(history, options, ips):
    """An address finds the networks that hold it, a network all that is in it."""
    assert listed(history, *options) == ips


def test_a_ban_tells_who_when_where_and_whence(history):
    """A network has the origin of its first address, a country without a name that of ISO."""
    answer = history.ok("bans", "--limit", "4", "--json").json

    assert (answer["total"], answer["left_out"], len(answer["bans"])) == (5, 1, 4)
    assert answer["bans"][3] == {
        "banned_at": "2026-03-02T00:00:00.000Z", "ip": "192.0.2.2", "jail": "web", "instance": "web2",
        "bantime_s": 600, "bancount": 1, "failures": 5, "country_code": "FR", "country_name": "France",
        "asn": "AS64497", "org": "Exemple SA",
    }  # fmt: skip
    assert answer["bans"][1]["country_code"] == "EU"


def test_the_table_is_for_people(history):
    """What is left out is counted; a ban without an end is for ever."""
    shown = history.ok("bans", "--limit", "4").stdout.splitlines()

    assert shown[0].split() == [
        "banned", "at", "address", "jail", "instance", "for", "times", "country", "ASN", "org",
    ]  # fmt: skip
    assert shown[3].split()[:6] == ["2026-03-03", "00:00:00Z", "192.0.2.0/24", "web", "web1", "ever"]
    assert shown[-1] == "1 more ban left out: see --limit"
    assert history.ok("bans", "--jail", "web").stdout.count("left out") == 0


@pytest.mark.parametrize("columns", [40, 80])
def test_the_table_fits_the_terminal(history, columns):
    """As far as a phone's."""
    _, shown = history.on_terminal("bans", env={"COLUMNS": str(columns)})

    assert max(map(len, shown.splitlines())) <= columns


def test_a_terminal_that_is_a_little_wider_shows_rows(history):
    """Not a paragraph for each ban: fifty of them are to be looked through."""
    _, shown = history.on_terminal("bans", "--limit", "2", env={"COLUMNS": "84"})

    assert shown.count("country") == 1


def test_csv_is_for_programs_and_says_on_stderr_what_is_left_out(history):
    """A line about it would be a row; a cell that a spreadsheet would run is defused."""
    history.execute("UPDATE ban_history SET jail = '=cmd' WHERE ip = '203.0.113.9'")
    ended = history.ok("bans", "--limit", "2", "--format", "csv")

    rows = list(csv.DictReader(io.StringIO(ended.stdout)))
    assert [(row["ip"], row["jail"], row["failures"]) for row in rows] == [
        ("203.0.113.9", "'=cmd", "5"), ("198.51.100.0/24", "sshd", ""),
    ]  # fmt: skip
    assert [(event["event"], event["left_out"]) for event in ended.events] == [("bans_left_out", 3)]


def test_an_empty_history_is_no_failure(bangui):
    """Nothing was banned."""
    assert bangui.ok("bans").stdout == "no bans\n"
    assert bangui.ok("bans", "--json").json == {"total": 0, "left_out": 0, "bans": []}


@pytest.mark.parametrize(
    "options",
    [["--ip", "nonsense"], ["--ip", "192.0.2.0/33"], ["--country", "DEU"], ["--country", "XX"],
     ["--since", "soon"], ["--limit", "0"], ["--ip", "\udcff"], ["--jail", "\udcff", "--limit", "x"]],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_usage_error(history, options):
    """Else nothing would be found, in silence."""
    assert history.run("bans", *options).code == 2


def test_a_jail_that_has_no_ban_is_named(history):
    """With those that have."""
    assert history.ok("bans", "--jail", "\udcff").event_names == ["jail_without_bans"]


@pytest.mark.parametrize("command", [["bans"], ["report", "--history"], ["report", "--format=html"]])
def test_an_instance_that_has_no_ban_is_named(history, command):
    """With those that have: a report of nothing may be a typing mistake."""
    ended = history.ok(*command, "--from-instance", "nope", "--from-instance", "web2")

    assert ended.event_names == ["instance_without_bans"]
    assert (ended.events[0]["instance"], ended.events[0]["instances"]) == ("nope", ["web1", "web2"])


def test_lookup_tells_the_bans_of_an_address(history):
    """Those of a network that holds it, too; the newest first; one never banned has none."""
    asked = ["192.0.2.2", "192.0.2.77", "2001:db8::1"]
    ended = history.run("lookup", *asked, "--json")
    bans = {row["ip"]: row["bans"] for row in ended.json}

    assert ended.code == 1  # of 192.0.2.77 no origin is known
    assert bans["192.0.2.2"] == [
        {
            "banned_at": "2026-03-03T00:00:00.000Z", "ip": "192.0.2.0/24", "jail": "web",
            "instance": "web1", "bantime_s": -1, "bancount": 1, "failures": 5,
        },
        {
            "banned_at": "2026-03-02T00:00:00.000Z", "ip": "192.0.2.2", "jail": "web",
            "instance": "web2", "bantime_s": 600, "bancount": 1, "failures": 5,
        },
    ]  # fmt: skip
    assert [one["ip"] for one in bans["192.0.2.77"]] == ["192.0.2.0/24"]
    assert bans["2001:db8::1"] == []


def test_the_table_of_lookup_has_the_bans_below(history):
    """Each once, also where two addresses share a network; without any there is one table."""
    shown = history.ok("lookup", "192.0.2.1", "192.0.2.2").stdout
    known, bans = shown.split("\n\n")

    assert len(known.splitlines()) == 3
    assert [line.split()[2] for line in bans.splitlines()[1:]] == [
        "192.0.2.0/24", "192.0.2.1", "192.0.2.2",
    ]  # fmt: skip
    assert "\n\n" not in history.ok("lookup", "2001:db8::1").stdout
