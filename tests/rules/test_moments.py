"""A time in the past, as --since and --until take it."""

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import moments, timestamps

NOW_S = 1_790_000_000.0
BERLIN, BEIRUT, KATHMANDU = map(ZoneInfo, ("Europe/Berlin", "Asia/Beirut", "Asia/Kathmandu"))


@pytest.mark.parametrize(
    ("text", "seconds"), [("7d", 604_800), ("1d12h", 129_600), ("3600", 3600), ("0", 0)]
)
def test_a_span_is_before_now(text, seconds):
    """As for every option that takes a time; a bare number is seconds."""
    assert moments.parse_wall_s(text, NOW_S) == NOW_S - seconds


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-11-01", UTC, "2026-11-01T00:00:00Z"),
        ("2026-11-01", BERLIN, "2026-10-31T23:00:00Z"),
        ("2026-11-01T12:00", BERLIN, "2026-11-01T11:00:00Z"),
        ("2026-11-01 12:00:30", KATHMANDU, "2026-11-01T06:15:30Z"),
        ("2026-07-01T12:00Z", BERLIN, "2026-07-01T12:00:00Z"),
        ("2026-07-01T12:00-05:00", BERLIN, "2026-07-01T17:00:00Z"),
        ("2026-W45-1", BERLIN, "2026-11-01T23:00:00Z"),
        ("2026-10-24T24:00", BERLIN, "2026-10-24T22:00:00Z"),
        ("2026-10-25T24:00", BERLIN, "2026-10-25T23:00:00Z"),
        # The doubled hour: its first time; the hour that is left out: by the time before.
        ("2026-10-25T02:30", BERLIN, "2026-10-25T00:30:00Z"),
        ("2026-03-29T02:30", BERLIN, "2026-03-29T01:30:00Z"),
        # A day that begins at one o'clock.
        ("2026-03-29", BEIRUT, "2026-03-28T22:00:00Z"),
        ("1900-01-01", BERLIN, "1970-01-01T00:00:00Z"),
        ("0001-01-01", BERLIN, "1970-01-01T00:00:00Z"),
    ],
)
def test_a_moment_is_in_local_time_unless_it_has_a_zone(text, zone, moment):
    """A report of a day must begin at its midnight, whatever the clocks did that night."""
    assert moments.parse_wall_s(text, NOW_S, zone) == timestamps.to_wall_s(moment)


@pytest.mark.parametrize(
    ("zone", "text", "moment"),
    [
        ("America/St_Johns", "9999-12-31T23:59", "9999-12-31T23:59:59Z"),
        ("Europe/Berlin", "0001-01-01", "1970-01-01T00:00:00Z"),
        ("UTC", "0001-01-01", "1970-01-01T00:00:00Z"),
    ],
)
def test_the_ends_of_the_calendar_mean_always(zone, text, moment):
    """A --until that was to leave nothing out left out all: its text had a year of five digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        told_s = moments.parse_wall_s(text, NOW_S)
    time.tzset()

    assert told_s == timestamps.to_wall_s(moment)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "-1", "2026-02-30", "2026-11-01T25:00", "9" * 400, "26-11-01", "7 d"]
)
def test_what_is_neither_is_refused_with_both_forms(text):
    """The message is all the help that a typing mistake gets."""
    with pytest.raises(ValueError, match=r"neither a span .* nor a moment"):
        moments.parse_wall_s(text, NOW_S)


@given(
    st.datetimes(datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("2100-01-01")),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_every_moment_with_its_offset_is_itself_wherever_it_is_read(moment, zone):
    """A script passes on what `date --iso-8601=seconds` printed."""
    written = moment.replace(tzinfo=zone)

    for local in (UTC, BERLIN, BEIRUT):
        assert moments.parse_wall_s(written.isoformat(), NOW_S, local) == written.timestamp()


@given(st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2037-01-01")))
def test_the_process_s_own_zone_reads_as_the_same_zone_by_name(moment):
    """The system's clock and the zone's table must agree on both sides of each change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        own_s = moments.parse_wall_s(moment.isoformat(), NOW_S)
    time.tzset()

    assert own_s == moments.parse_wall_s(moment.isoformat(), NOW_S, BERLIN)
