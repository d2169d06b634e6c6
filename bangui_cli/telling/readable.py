"""Ages, moments, sizes and counts as people read them; scripts get the raw values, as JSON."""

from typing import Any

from bangui_cli.host import terminal
from bangui_cli.rules import durations, timestamps

# Below this a span is told with its fraction.
_EXACT_S = 10
_TO_THE_SECOND = len("2026-01-31T23:59:59")
_UNITS = ("_at", "_s", "_bytes", "_total")
_COUNTS = ("rows", "unresolved", "_total", "_failures", "_count")


def readable(key: str, value: Any, now_s: float) -> str:
    """Return a value for a table, by the unit that its key ends in; `now_s` is the wall clock."""
    if value is None or value in ("", (), []):
        return "-"
    if isinstance(value, list | tuple):
        return terminal.safe(":".join(map(str, value)))
    if isinstance(value, bool):
        return str(value).lower()
    return _measured(key, value, now_s) or terminal.safe(value)


def label(key: str) -> str:
    """Return what a key is called in a table: the unit stands beside the value."""
    for unit in _UNITS:
        key = key.removesuffix(unit)
    return key.replace("_", " ")


def _measured(key: str, value: Any, now_s: float) -> str | None:
    if key.endswith("_at"):
        return _moment(value, now_s)
    if not isinstance(value, int | float):
        return None
    if key.endswith("_s"):
        return f"{value:.2f} s" if abs(value) < _EXACT_S else durations.approximate(value)
    if key.endswith("_bytes"):
        return size(value)
    return f"{value:,}" if key.endswith(_COUNTS) else None


def _moment(value: Any, now_s: float) -> str | None:
    """Say how long ago a moment was, and when; None for what is no moment."""
    if value == 0:
        return "never"
    try:
        wall_s = timestamps.to_wall_s(value) if isinstance(value, str) else float(value)
        at = f"{timestamps.to_text(wall_s)[:_TO_THE_SECOND]}Z"
    except (ValueError, OverflowError, OSError):
        return None
    age_s = now_s - wall_s
    span = durations.approximate(abs(age_s))
    return f"{span} ago, {at}" if age_s >= 0 else f"in {span}, {at}"


def short_moment(timestamp: str) -> str:
    """Write a timestamp text to the second, so that a narrow table may break it."""
    return f"{timestamp[:_TO_THE_SECOND].replace('T', ' ')}Z"


def size(count: float) -> str:
    """Write a number of bytes in the unit that leaves it below 1024."""
    units = ["B", "KiB", "MiB", "GiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        del units[0]
    return f"{count:.1f}".removesuffix(".0") + f" {units[0]}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Write a number with what it counts: "1 row", "2,000 rows", "3 addresses"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
