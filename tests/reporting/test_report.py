"""`bangui report`: where the addresses, or the bans, come from."""

import contextlib
import csv
import io
import sqlite3
import time

import geoip
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.reporting.layout import csv_texts, table_rows
from bangui_cli.reporting.summary import summarise
from bangui_cli.telling.tables import width

DAY_S = 86400


@pytest.fixture
def known(bangui):
    """Cache six addresses."""
    germany, france, nowhere = ("DE", "Germany"), ("FR", "France"), (None, None)
    example, exemple = ("AS64496", "Example AG"), ("AS64497", "Exemple SA")
    cached = [germany + example, germany + example, france + exemple, nowhere + nowhere]
    cached += [germany + nowhere, ("NL", "Netherlands", *example)]
    insert = "INSERT INTO geo_cache VALUES (?, ?, ?, ?, ?, '2026-01-01T00:00:00.000Z', NULL)"
    with contextlib.closing(bangui.connect()) as connection:
        for number, entry in enumerate(cached, 1):
            connection.execute(insert, (f"192.0.2.{number}", *entry))
    return bangui


def rows(report):
    return [(row["key"], row["count"]) for row in report["rows"]]


def test_cached_addresses_are_counted_by_country(known):
    """The most frequent comes first; one without a country is unknown, not hidden."""
    report = known.ok("report", "--format", "json").json

    assert rows(report) == [("DE", 3), ("FR", 1), ("NL", 1)]
    assert (report["by"], report["total"], report["unknown"], report["other"]) == ("country", 6, 1, 0)
    assert report["rows"][0] == {"key": "DE", "name": "Germany", "count": 3, "share": 0.5}


def test_asn_and_organisation_are_keys_too(known):
    """An ASN is shown with its organisation."""
    by_asn = known.ok("report", "--by", "asn", "--format", "json").json
    by_org = known.ok("report", "--by", "org", "--format", "json").json

    assert rows(by_asn) == [("AS64496", 3), ("AS64497", 1)]
    assert by_asn["rows"][0]["name"] == "Example AG"
    assert rows(by_org) == [("Example AG", 3), ("Exemple SA", 1)]
    assert by_asn["unknown"] == by_org["unknown"] == 2


def test_a_network_has_its_usual_name(known):
    """Files of two makers name one network differently; one address of a third must not rename it."""
    known.execute("UPDATE geo_cache SET org = 'Zuletzt' WHERE ip = '192.0.2.1'")

    by_asn = known.ok("report", "--by", "asn", "--format", "json").json
    assert (by_asn["rows"][0]["name"], by_asn["rows"][0]["count"]) == ("Example AG", 3)


def test_a_dirty_entry_counts_once_it_is_flushed(bangui):
    """The report is about the cache; `status` tells what waits for it."""
    bangui.ok("add", "192.0.2.1", "--country-code", "DE")
    before = bangui.ok("report", "--format", "json").json
    bangui.ok("flush")
    after = bangui.ok("report", "--format", "json").json

    assert (before["total"], rows(before)) == (0, [])
    assert (after["total"], rows(after)) == (1, [("DE", 1)])


def test_the_rest_below_the_top_is_summed_up(known):
    """Rows, other and unknown add up to the total."""
    report = known.ok("report", "--top", "1", "--format", "json").json

    assert rows(report) == [("DE", 3)]
    assert (report["other"], report["unknown"], report["total"]) == (2, 1, 6)


@pytest.fixture
def banned(known, tmp_path):
    """Set a database of fail2ban with bans of known and unknown addresses, old and new."""
    now = int(time.time())
    bans = [
        ("sshd", "192.0.2.1", now - 10, 600), ("sshd", "192.0.2.1", now - 20 * DAY_S, 600),
        ("web", "192.0.2.3", now - 3 * DAY_S, 600), ("web", "203.0.113.9", now - 5, 600),
        ("web", "192.0.2.6/31", now - 5, 600),
    ]  # fmt: skip
    bips = [
        ("sshd", "192.0.2.1", now - 10, 600), ("web", "192.0.2.3", now - 3 * DAY_S, 600),
        ("web", "192.0.2.6", now - 400 * DAY_S, -1),
    ]  # fmt: skip
    known.environment["BANGUI_FAIL2BAN_DB"] = str(
        geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans, bips)
    )
    return known


@pytest.mark.parametrize(
    ("options", "counts", "unknown"),
    [
        ([], [("DE", 2), ("FR", 1), ("NL", 1)], 1),
        (["--jail", "sshd"], [("DE", 2)], 0),
        (["--since", "7d"], [("DE", 1), ("FR", 1), ("NL", 1)], 1),
        (["--jail", "web", "--since", "1d"], [("NL", 1)], 1),
        (["--active"], [("DE", 1), ("NL", 1)], 0),
        (["--active", "--jail", "web"], [("NL", 1)], 0),
        (["--jail", "none"], [], 0),
        (["--jail", "sshd", "--since", "1s"], [], 0),
    ],
)
def test_bans_are_counted_by_country(banned, options, counts, unknown):
    """Of the history or those in force; a network counts for its first address."""
    report = banned.ok("report", "--fail2ban", *options, "--format", "json").json

    assert (rows(report), report["unknown"]) == (counts, unknown)
    assert report["total"] == sum(count for _, count in counts) + unknown


def test_a_ban_without_an_address_is_of_unknown_origin(banned):
    """fail2ban's own table allows NULL there: such a row ended the report as a bug, or was an address "None"."""
    path = banned.environment["BANGUI_FAIL2BAN_DB"]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as fail2ban:
        fail2ban.execute("INSERT INTO bans (jail, ip, timeofban, bantime) VALUES ('web', NULL, 5, 60)")

    by_country = banned.ok("report", "--fail2ban", "--json").json
    by_address = banned.ok("report", "--fail2ban", "--by", "ip", "--json").json

    assert (by_country["unknown"], by_country["total"]) == (2, 6)
    assert (by_address["unknown"], by_address["total"]) == (1, 6)
    assert sum(count for _, count in rows(by_address)) == 5


def test_filters_on_bans_want_fail2ban(known):
    """They would be ignored in silence."""
    for options in (["--jail", "sshd"], ["--since", "7d"], ["--active"]):
        assert known.run("report", *options).code == 2


def test_a_jail_that_has_no_ban_is_named_with_those_that_have(banned):
    """It may be a typing mistake; a jail whose bans are all older is none."""
    mistyped = banned.ok("report", "--fail2ban", "--jail", "ssh")
    quiet = banned.ok("report", "--fail2ban", "--jail", "sshd", "--since", "1s")

    assert [(event["jail"], event["jails"]) for event in mistyped.events] == [("ssh", ["sshd", "web"])]
    assert mistyped.event_names == ["jail_without_bans"]
    assert quiet.stderr == ""


@pytest.mark.parametrize(
    "options",
    [["--fail2ban", "--jail", "\udcff"], ["--fail2ban=\udcff"], ["--by", "\udcff"], ["--top", "\udcff"],
     ["--fail2ban", "--since", "\udcff"], ["--format", "\udcff"], ["-d", "\udcff"], ["\udcff"]],
)  # fmt: skip
def test_bytes_that_are_no_utf_8_are_an_ordinary_mistake(banned, options):
    """A shell can give any; they end as a jail, a file or a value that is not there."""
    ended = banned.run("report", *options)

    assert ended.code in (0, 2, 66)
    assert "traceback" not in ended.stderr.lower()


def test_json_has_two_names(known):
    """--json is what --format json is."""
    assert known.ok("report", "--json").json == known.ok("report", "--format", "json").json


def test_the_table_counts_the_unknown_and_the_total(known):
    """Piped, it has no bars."""
    table = known.ok("report").stdout.splitlines()

    assert [line.split() for line in table] == [
        ["country", "count", "share", "name"],
        ["DE", "3", "50.0%", "Germany"],
        ["FR", "1", "16.7%", "France"],
        ["NL", "1", "16.7%", "Netherlands"],
        ["(unknown)", "1", "16.7%", "-"],
        ["(total)", "6", "100.0%", "-"],
    ]


def test_a_terminal_gets_a_bar_for_each_row(known):
    """The longest bar is the most frequent key's, the others are in proportion."""
    _, shown = known.on_terminal("report")

    assert [line.count("█") for line in shown.splitlines()] == [0, 24, 8, 8, 8, 0]


def test_what_is_unknown_does_not_set_the_scale(known):
    """Before the first resolve run nearly all is: the bars of the rest would be dots."""
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90)"
    known.execute(f"INSERT INTO geo_cache (ip, cached_at) {numbers} SELECT i, '' FROM n")
    _, shown = known.on_terminal("report")

    assert [line.count("█") for line in shown.splitlines()] == [0, 24, 8, 8, 23, 0]
    assert "▶" in shown.splitlines()[4]


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("by", ["country", "asn", "org"])
def test_a_table_fits_the_terminal(known, by, columns):
    """Bars give way to names, and what is too long is broken, by the columns that it takes."""
    long = "\N{CJK UNIFIED IDEOGRAPH-65E5}" * 90 + " Example Networks and Cables"
    insert = "INSERT INTO geo_cache VALUES (?, 'JP', ?, 'AS4200000000', ?, '2026-01-01', NULL)"
    for number in range(9):
        known.execute(insert, f"198.51.100.{number}", long, long)
    _, shown = known.on_terminal("report", "--by", by, env={"COLUMNS": str(columns)})

    assert max(width(line) for line in shown.splitlines()) <= columns
    assert ("█" in shown) == (columns >= 60)


def test_csv_has_a_row_for_each_key_and_for_the_unknown(known):
    """The rows that have no key come last; a machine tells them by that."""
    text = known.ok("report", "--format", "csv").stdout

    assert text.splitlines()[1] == '"DE","Germany",3,0.5'
    assert list(csv.reader(io.StringIO(text))) == [
        ["key", "name", "count", "share"],
        ["DE", "Germany", "3", "0.5"],
        ["FR", "France", "1", "0.1667"],
        ["NL", "Netherlands", "1", "0.1667"],
        ["", "unknown", "1", "0.1667"],
    ]


def test_an_empty_database_is_an_empty_report(bangui):
    """Nothing known is a result."""
    assert bangui.ok("report", "--format", "json").json["total"] == 0
    assert bangui.ok("report", "--format", "csv").stdout == '"key","name","count","share"\n'
    assert bangui.ok("report").stdout.split()[-3:] == ["0", "0.0%", "-"]


FORMULAS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
names = (
    st.none()
    | st.text()
    | st.sampled_from(["=1+1", "+a", "-b", "@c", "\x1b[2J", "a\r\nb", "\t=x", '"', ",", "x;=1", "x, @1"])
)
counted = st.lists(st.tuples(names.map(lambda name: name or None), names, st.integers(1, 10**6)))


@given(counted, st.none() | st.integers(1, 5))
def test_every_count_is_in_the_report(counted, top):
    """Rows, other and unknown add up to all that was counted, whatever the keys are."""
    report = summarise("org", counted, top)

    assert report.total == sum(count for _, _, count in counted)
    assert sum(row.count for row in report.rows) + report.other + report.unknown == report.total
    assert [row.count for row in report.rows] == sorted((row.count for row in report.rows), reverse=True)


@given(counted)
def test_a_name_from_outside_is_no_control_and_no_formula(counted):
    """Names of organisations come from files, and from BanGUI: terminals and spreadsheets obey some."""
    report = summarise("asn", counted, None)

    text = "".join(csv_texts(report))
    assert text.replace("\n", "").isprintable()
    # A spreadsheet may separate by something else, and heed no quotes.
    for separator in ",;|\t":
        for row in csv.reader(io.StringIO(text), delimiter=separator, quoting=csv.QUOTE_NONE):
            assert not any(cell.strip(' "').startswith(FORMULAS) for cell in row)
    assert len(list(table_rows(report, 80))) >= len(report.rows) + 1
