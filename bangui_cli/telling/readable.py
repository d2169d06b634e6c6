"""Ages, moments and sizes as people read them, beside the raw value that scripts get."""

from typing import Any

from bangui_cli.host import terminal
from bangui_cli.rules import durations, timestamps

_PLAIN_S = 120


def readable(key: str, value: Any, now_s: float) -> str:
    """Return a value for a table, by the unit that its key ends in; `now_s` is the wall clock."""
    if value is None or value in ("", ()):
        return "-"
    if isinstance(value, list | tuple):
        return terminal.safe(":".join(map(str, value)))
    if isinstance(value, bool):
        return str(value).lower()
    text = terminal.safe(value)
    note = _note(key, value, now_s)
    return f"{text} ({note})" if note else text


def _note(key: str, value: Any, now_s: float) -> str | None:
    if key.endswith("_at"):
        return _moment(value, now_s)
    if not isinstance(value, int | float):
        return None
    if key.endswith("_s") and abs(value) >= _PLAIN_S:
        return durations.approximate(value)
    if key.endswith("_bytes"):
        return size(value)
    return None


def _moment(value: Any, now_s: float) -> str | None:
    if value == 0:
        return "never"
    try:
        wall_s = timestamps.to_wall_s(value) if isinstance(value, str) else float(value)
        at = "" if isinstance(value, str) else f"{timestamps.to_text(wall_s)}, "
    except (ValueError, OverflowError, OSError):
        return None
    age_s = now_s - wall_s
    return f"{at}{durations.approximate(age_s)} ago" if age_s >= 0 else f"{at}in the future"


def counted(count: int, one: str, many: str) -> str:
    """Write a number and what it counts, as in "1 address" and "2,000 addresses"."""
    return f"{count:,} {one if count == 1 else many}"


def size(count: float) -> str:
    """Write a number of bytes in the unit that leaves it below 1024."""
    units = ["B", "KiB", "MiB", "GiB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        del units[0]
    return f"{count:.1f}".removesuffix(".0") + f" {units[0]}"
