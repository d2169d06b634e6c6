"""Spans of time as operators write them and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import durations

SPANS = [
    ("0", 0),
    ("5", 5),
    (".5", 0.5),
    ("90s", 90),
    ("10m", 600),
    ("1h", 3600),
    ("30d", 2_592_000),
    ("1.5h", 5400),
    ("1w", 604_800),
    ("1d12h", 129_600),
    ("1w2d3h4m5s", 788_645),
    ("1.5d0.5m", 129_630),
]


@pytest.mark.parametrize(("text", "seconds"), SPANS)
def test_a_span_is_seconds_or_has_a_unit(text, seconds):
    """Or several, the larger first, as systemd and Prometheus write them."""
    assert durations.parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        ".",
        "1.2.3",
        "-1",
        "+1",
        "nan",
        "inf",
        "1e3",
        "1_0",
        " 1",
        "1 m",
        "1h30",
        "30m1h",
        "1h2h",
        "1dh",
        "1h ",
        "h1",
        "1y",
        "\u0663",
    ],
)
def test_what_is_no_span_is_refused(text):
    """Also what float() would read."""
    with pytest.raises(ValueError, match="not a time: give seconds or 90s"):
        durations.parse_duration_s(text)


@pytest.mark.parametrize("text", ["9" * 400, "36526d", "1" * 1_000_000])
def test_a_span_that_no_timer_takes_is_refused(text):
    """A timeout past the system's timers would end the watchdog instead of the pass."""
    with pytest.raises(ValueError, match="more than a hundred years"):
        durations.parse_duration_s(text)


@given(st.floats(min_value=0, max_value=durations.CEILING_S))
def test_what_is_written_is_read_back(seconds):
    """`--critical-age` in a message can be pasted into a command."""
    written = durations.format_duration(seconds)

    assert durations.parse_duration_s(written) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (119, "119 s"),
        (600, "10 min"),
        (7200, "2 h"),
        (86400 * 400, "400 d"),
        (86400 * 1_157_407, "1,157,407 d"),
        (-600, "-10 min"),
    ],
)
def test_an_age_is_told_in_one_unit(seconds, text):
    """A person reads it at a glance."""
    assert durations.approximate(seconds) == text
