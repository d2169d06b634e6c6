"""Timestamps as the database and the log write them: UTC, milliseconds, fixed width, so they sort."""

import math
from datetime import MAXYEAR, UTC, datetime, timedelta, tzinfo

from bangui_cli.rules.timestamp_text import to_text

__all__ = ["WIDTH_CHARACTERS", "normal_text", "read_s", "to_text", "to_wall_s"]

WIDTH_CHARACTERS = len("2026-01-31T23:59:59.999Z")

# What ISO 8601 allows and datetime does not, what to write in its place, and what that leaves out.
_RARE_FORMS = (
    (r"(\d{4}-?\d\d-?\d\d.\d\d:?\d\d:?)60(?!\d)(.*)", "59", 1),
    (r"(\d{4}-?\d\d-?\d\d.)24(:?00(?::?00)?(?:[.,]0+)?(?!\d).*)", "00", 86400),
)


def to_wall_s(text: str, zone: tzinfo | None = UTC) -> float:
    """Parse ISO 8601; without a zone it is in `zone`, None being this process's local time.

    Raise ValueError for anything else; for local time that the system cannot tell OverflowError, too.
    """
    text = text.upper()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _rare_form(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.timestamp()


def _rare_form(text: str) -> datetime:
    """Parse a leap second, or midnight as the end of a day."""
    import re  # compiled only where it is needed: a job pays for each pattern

    for pattern, instead, left_out_s in _RARE_FORMS:
        if match := re.fullmatch(pattern, text, re.ASCII):
            moment = datetime.fromisoformat(match[1] + instead + match[2])
            if moment.year < MAXYEAR:
                return moment + timedelta(seconds=left_out_s)
    raise ValueError("not a time in ISO 8601")


def read_s(value: object) -> float:
    """Parse ISO 8601 or seconds since 1970, as a text or a number. Raise ValueError or OverflowError."""
    if isinstance(value, str):
        text = value.strip()
        # Eight digits are a date; fromisoformat() finds dates in longer runs of digits, too.
        whole = text.partition(".")[0]
        is_number = len(whole) > 8 and whole.isascii() and whole.isdigit()
        return float(text) if is_number else to_wall_s(text)
    if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
        return float(value)
    raise ValueError("neither a text nor a number")


def normal_text(value: object) -> str:
    """Return the time of a row that another program wrote, whatever its form; "" for what is none."""
    try:
        text = to_text(read_s(value))
    except (ValueError, OverflowError, OSError):
        return ""
    return text if len(text) == WIDTH_CHARACTERS else ""
