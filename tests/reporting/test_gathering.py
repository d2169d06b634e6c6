"""What the page tells of a history, and how it divides the time."""

import itertools
import sqlite3
from contextlib import closing
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from histories import ban, remember
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.access import reading
from bangui_cli.reporting.page.contents import Totals
from bangui_cli.reporting.page.division import MOST_BARS, divide
from bangui_cli.reporting.page.gathering import Asked, gather
from bangui_cli.reporting.selection import Selection
from bangui_cli.store import initialise

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    ZoneInfo(name)
    for name in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia")
]
DAY_S = 86400.0


def wall_s(text: str, zone=BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("gathering") / "bangui.db"
    initialise(str(path), journal_mode=None, force=False)
    return path


def fill(path, rows, cache=()):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM ban_history")
        connection.execute("DELETE FROM geo_cache")
        remember(connection, rows)
        connection.executemany("INSERT INTO geo_cache VALUES (?, ?, ?, ?, ?, '2026-01-01', NULL)", cache)
        connection.commit()


def gathered(path, *, since=None, until=None, masked=True, **selected):
    moments = {"since_s": since and wall_s(since), "until_s": until and wall_s(until)}
    selection = Selection(**moments, **selected)
    asked = Asked(selection, wall_s("2026-01-10T12:00"), top=2, are_masked=masked, zone=BERLIN)
    with reading.open_snapshot(str(path)) as store:
        return gather(store.bans, asked)


CACHE = [
    ("192.0.2.1", "DE", "Germany", "AS1", "One"),
    ("192.0.2.2", "EU", None, "AS2", "Two"),
    ("198.51.100.7", "FR", "France", "AS1", "One"),
]
HISTORY = [
    ban("192.0.2.1", "2026-01-08T10:00"),
    ban("192.0.2.1", "2026-01-09T10:00", jail="web"),
    ban("192.0.2.2", "2026-01-09T10:00", instance="web2"),
    ban("203.0.113.9", "2026-01-09T23:30"),
    ban("198.51.100.7", "2026-01-02T10:00"),
]


def test_each_part_of_the_page_has_every_ban(database):
    """The totals, the bars and each ranking tell of the same bans."""
    fill(database, HISTORY, CACHE)
    page = gathered(database, since="2026-01-05")

    assert page.totals == Totals(bans=4, addresses=3, countries=1, jails=2)
    assert [(row.key, row.count) for row in page.countries.rows] == [("DE", 2), ("EU", 1)]
    assert page.countries.unknown == 1
    rankings = (
        page.countries,
        page.networks,
        page.organisations,
        page.addresses,
        page.jails,
        page.instances,
    )
    for report in rankings:
        assert report.total == 4
        assert sum(row.count for row in report.rows) + report.other + report.unknown == 4
    assert page.unit == "day"
    assert {period.key: period.bans for period in page.periods if period.bans} == {
        "2026-01-08": {"sshd": 1},
        "2026-01-09": {"web": 1, "sshd": 1},
        "2026-01-10": {"sshd": 1},
    }


def test_totals_are_compared_with_the_span_of_the_same_length_before(database):
    """Five days and a half against the five and a half before them."""
    fill(database, HISTORY, CACHE)

    assert gathered(database, since="2026-01-05").before == Totals(
        bans=1, addresses=1, countries=1, jails=1
    )
    assert gathered(database, since="2026-01-09", until="2026-01-10").before == Totals(1, 1, 1, 1)
    assert gathered(database).before is None


def test_the_whole_history_begins_with_its_first_ban(database):
    """Without a beginning there would be bars back to 1970."""
    fill(database, HISTORY, CACHE)
    page = gathered(database)

    assert page.since == datetime.fromisoformat("2026-01-02T11:00+01:00")
    assert page.periods[0].key == "2026-01-02"
    assert page.totals.bans == len(HISTORY)


def test_what_is_selected_is_said(database):
    """Who reads the page must not take a part for the whole."""
    fill(database, HISTORY, CACHE)
    page = gathered(database, since="2026-01-05", jails=("sshd", "a\udcff"), instances=("web1",))

    assert page.totals == Totals(bans=2, addresses=2, countries=1, jails=1)
    assert page.before == Totals(1, 1, 1, 1)
    assert page.selected == ("jail sshd", "jail a\ufffd", "instance web1")


def test_addresses_of_a_network_are_one_masked_row(database):
    """Unless the operator wants to see them."""
    fill(database, HISTORY, CACHE)

    masked, whole = gathered(database).addresses, gathered(database, masked=False).addresses

    assert [(row.key, row.count) for row in masked.rows] == [("192.0.2.0/24", 3), ("198.51.100.0/24", 1)]
    assert [(row.key, row.count) for row in whole.rows] == [("192.0.2.1", 2), ("192.0.2.2", 1)]
    assert (masked.other, whole.other) == (1, 2)


def test_a_ban_of_the_future_or_of_no_time_is_counted_all_the_same(database):
    """A clock that was wrong for a while, or another program, wrote it; the total has it."""
    fill(
        database,
        [ban("192.0.2.1", "2026-01-09T10:00"), ban("192.0.2.2", "2099-01-01"), ban("192.0.2.3", "0000")],
    )
    page = gathered(database)

    assert page.totals.bans == 3
    assert sum(sum(period.bans.values()) for period in page.periods) == 3
    assert len(page.periods) <= MOST_BARS


def test_an_empty_history_is_a_page(database):
    """Of zeros, and without a beginning."""
    fill(database, [])
    page = gathered(database)

    assert page.totals == Totals(0, 0, 0, 0)
    assert page.since is None
    assert gathered(database, since="2026-01-01").before == Totals(0, 0, 0, 0)


# The calendar.

spans = st.tuples(st.floats(0, 4e9), st.floats(60, 6e9), st.sampled_from(ZONES))


@given(span=spans)
def test_bars_follow_one_another_through_the_whole_time(span):
    """No key stands twice, whatever the clocks of a zone have done."""
    since_s, length_s, zone = span
    until_s = min(since_s + length_s, 4.1e9)
    unit, keys, starts_s = divide(since_s, until_s, zone)

    assert len(keys) == len(starts_s) == len(set(keys)) <= MOST_BARS + 2
    assert starts_s[0] <= since_s
    assert all(one < other for one, other in itertools.pairwise(starts_s))
    assert starts_s[-1] < until_s or len(starts_s) == 1
    longest_s = {
        "hour": 2 * 3600,
        "day": DAY_S * 2,
        "week": DAY_S * 8,
        "month": DAY_S * 32,
        "year": DAY_S * 367,
    }[unit]
    assert all(other - one <= longest_s for one, other in itertools.pairwise([*starts_s, until_s]))


@pytest.mark.parametrize(
    ("since", "until", "unit", "bars"),
    [
        ("2026-01-01T10:00", "2026-01-01T10:01", "hour", 1),
        ("2026-01-01T10:30", "2026-01-03T10:30", "hour", 49),
        ("2026-10-24", "2026-10-26", "hour", 49),  # the clocks are put back
        ("2026-03-28", "2026-03-30", "hour", 47),
        ("2026-01-01", "2026-01-04", "day", 3),
        ("2025-10-01", "2026-11-01", "day", 396),
        ("2024-01-01", "2026-01-01", "week", 105),
        ("2010-01-01", "2026-01-01", "month", 192),
        ("1980-01-01", "2026-01-01", "year", 46),
    ],
)
def test_the_unit_fits_the_time(since, until, unit, bars):
    """Hours for two days, days for a year; more than that would be finer than a screen."""
    division = divide(wall_s(since), wall_s(until), BERLIN)

    assert (division.unit, len(division.keys)) == (unit, bars)


def test_an_hour_that_comes_twice_is_two_bars():
    """Where clocks are put back, the offset tells them apart."""
    keys = divide(wall_s("2026-10-25T01:00"), wall_s("2026-10-25T04:00"), BERLIN).keys

    assert keys == [
        "2026-10-25T01:00",
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T03:00",
    ]


def test_the_first_week_of_a_year_is_the_calendar_s():
    """Of ISO 8601, as the key of a report is."""
    keys = divide(wall_s("2024-12-30"), wall_s("2027-01-05"), BERLIN).keys

    assert (keys[0], keys[-1], len(keys)) == ("2025-W01", "2027-W01", 106)
