"""Hours, days, weeks and months in local time, held to the zones of the world."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import local_times

BERLIN, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kathmandu")
# Half hours and quarters, clocks put forward by 30 and 60 minutes on either half of the globe, and a
# day that Samoa left out.
ZONES = [
    "UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
    "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Chatham",
]  # fmt: skip
zones = st.sampled_from(ZONES).map(ZoneInfo)
# Samoa skipped 2011-12-30.
moments = st.one_of(st.integers(1_325_000_000, 1_326_000_000), st.integers(1_577_836_800, 1_893_456_000))
units = st.sampled_from(local_times.UNITS)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("unit", "moment", "zone", "key"),
    [
        ("hour", "2026-06-30T22:59:59.999", BERLIN, "2026-07-01T00:00"),
        ("day", "2026-06-30T22:00", BERLIN, "2026-07-01"),
        ("month", "2026-06-30T21:59:59", BERLIN, "2026-06"),
        ("week", "2027-01-01T12:00", BERLIN, "2026-W53"),
        ("week", "2024-12-30T12:00", BERLIN, "2025-W01"),
        ("hour", "2026-01-01T00:00", KATHMANDU, "2026-01-01T05:00"),
        ("hour", "2026-01-01T00:15", KATHMANDU, "2026-01-01T06:00"),
    ],
)
def test_a_moment_falls_into_the_unit_of_its_local_time(unit, moment, zone, key):
    """A week is one of ISO 8601: its year may be another than the day's."""
    assert local_times.key(unit, at(moment), zone) == key


def test_the_hour_that_comes_twice_is_one_and_the_one_that_is_skipped_none():
    """Daylight saving neither loses a ban nor shows an hour in which none could be."""
    back = local_times.keys("hour", at("2026-10-24T23:00"), at("2026-10-25T03:00"), BERLIN)
    forward = local_times.keys("hour", at("2026-03-29T00:00"), at("2026-03-29T02:00"), BERLIN)

    assert [key[-5:] for key in back] == ["01:00", "02:00", "03:00", "04:00"]
    assert [key[-5:] for key in forward] == ["01:00", "03:00", "04:00"]


@given(units, moments, st.integers(0, 100 * 86400), zones)
def test_every_moment_between_has_its_key_and_each_key_stands_once(unit, first_s, span_s, zone):
    """A ban falls into one of the rows, whatever the zone does with its clocks."""
    keys = local_times.keys(unit, first_s, first_s + span_s, zone)

    assert keys == sorted(set(keys))
    steps = {local_times.key(unit, first_s + span_s * n / 997, zone) for n in range(998)}
    assert steps <= set(keys)
    assert keys[0] == local_times.key(unit, first_s, zone)
    assert keys[-1] == local_times.key(unit, first_s + span_s, zone)


@given(moments, units, zones)
def test_a_quarter_of_an_hour_falls_into_one_unit(moment_s, unit, zone):
    """So that a database may count by the quarter, and know no zones."""
    start_s = moment_s // 900 * 900

    assert local_times.key(unit, start_s, zone) == local_times.key(unit, start_s + 899.999, zone)


@given(moments, st.integers(1, 400), zones.filter(lambda zone: zone.key != "Pacific/Apia"))
def test_no_day_is_left_out(first_s, days, zone):
    """Zeros stand where nothing happened."""
    keys = local_times.keys("day", first_s, first_s + days * 86400, zone)

    assert all(
        datetime.fromisoformat(later) - datetime.fromisoformat(one) == timedelta(days=1)
        for one, later in pairwise(keys)
    )


def test_more_than_anybody_reads_is_refused():
    """One ban with a broken clock must not fill the memory with zeros."""
    with pytest.raises(ValueError, match="years by hour"):
        local_times.keys("hour", 0, 9e9)


def test_local_time_is_that_of_the_process(monkeypatch):
    """As TZ says, also in the form of POSIX."""
    import time

    monkeypatch.setenv("TZ", "XYZ-5:45")
    time.tzset()
    try:
        assert local_times.key("hour", at("2026-01-01T00:15")) == "2026-01-01T06:00"
    finally:
        monkeypatch.undo()
        time.tzset()
