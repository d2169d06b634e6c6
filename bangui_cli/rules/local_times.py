"""Hours, days, weeks and months in local time: which one a moment falls into, and which there were."""

from datetime import datetime, tzinfo

HOUR, DAY, WEEK, MONTH = UNITS = ("hour", "day", "week", "month")
# Clocks are put forward and back by quarters of an hour; of the longer units none fits into one hour.
_STEP_S = {HOUR: 900, DAY: 3600, WEEK: 3600, MONTH: 3600}
_WIDTH_CHARACTERS = {HOUR: len("2026-01-31T23"), DAY: len("2026-01-31"), MONTH: len("2026-01")}
# 28 years of hours.
_MOST_STEPS = 1_000_000


def key(unit: str, wall_s: float, zone: tzinfo | None = None) -> str:
    """Return the name of the unit that a wall clock falls into; no zone is this process's local time.

    The hour that comes twice, where the clocks are put back, is one. Raise ValueError, OverflowError or
    OSError for what no calendar tells.
    """
    moment = datetime.fromtimestamp(wall_s, zone)
    if unit == WEEK:
        year, week, _ = moment.isocalendar()
        return f"{year:04d}-W{week:02d}"
    text = moment.isoformat()[: _WIDTH_CHARACTERS[unit]]
    return f"{text}:00" if unit == HOUR else text


def keys(unit: str, first_s: float, last_s: float, zone: tzinfo | None = None) -> list[str]:
    """Return the names of all units from that of one moment to that of another, in order.

    An hour or a day that the clocks have skipped is none. Raise ValueError for too many, and as `key`.
    """
    step_s = _STEP_S[unit]
    steps = int((last_s - first_s) // step_s) + 1
    if steps > _MOST_STEPS:
        raise ValueError(f"too many: {round((last_s - first_s) / 86400 / 365.25):,} years by {unit}")
    moments = (first_s + step * step_s for step in range(steps))
    return list(dict.fromkeys(key(unit, moment_s, zone) for moment_s in (*moments, last_s)))
