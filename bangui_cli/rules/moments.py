"""A time in the past as operators write it: a span before now, or a moment."""

from contextlib import suppress
from datetime import UTC, tzinfo

from bangui_cli.rules import durations, timestamps

# The last second that a timestamp of fixed width can tell.
_LATEST_S = 253_402_300_799.0

UNFIT = "neither a span (7d, 1d12h) nor a moment (2026-11-01, 2026-11-01T12:00)"


def parse_wall_s(text: str, now_s: float, zone: tzinfo | None = None) -> float:
    """Return the wall clock at a moment, or a span before now, from 1970 to the end of the year 9999.

    A moment without a zone is in `zone`, None being this process's local time. Where the clocks are put
    back it is the first of the two, where they are put forward it goes by the time before. Raise
    ValueError.
    """
    try:
        wall_s = now_s - durations.parse_duration_s(text)
    except ValueError:
        wall_s = _moment_s(text, zone)
    return min(max(wall_s, 0.0), _LATEST_S)


def _moment_s(text: str, zone: tzinfo | None) -> float:
    # Local time does not reach to the ends of the calendar.
    for each in (zone, UTC):
        with suppress(ValueError, OverflowError):
            return timestamps.to_wall_s(text.strip(), each)
    raise ValueError(UNFIT)
