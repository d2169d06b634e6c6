"""Timestamps as the database and the log write them: UTC, milliseconds, fixed width, so they sort."""

import math
from datetime import MAXYEAR, UTC, date, datetime, timedelta, tzinfo

from bangui_cli.rules.timestamp_text import to_text

__all__ = ["WIDTH_CHARACTERS", "normal_text", "read_s", "to_text", "to_wall_s"]

WIDTH_CHARACTERS = len("2026-01-31T23:59:59.999Z")

# What ISO 8601 allows and datetime does not, what to write in its place, and what that leaves out.
_RARE_FORMS = (
    (r"(\d{4}-?\d\d-?\d\d.\d\d:?\d\d:?)60(?!\d)(.*)", "59", 1),
    (r"(\d{4}-?\d\d-?\d\d.)24(:?00(?::?00)?(?:[.,]0+)?(?!\d).*)", "00", 86400),
)
_DAY_OF_YEAR = r"(\d{4})-?(\d{3})(?!\d)(.*)"
# Seven digits tell a millisecond, and are never rounded up to what may be the end of the last year.
_FRACTION_OF_HOUR_OR_MINUTE = r"([\dW-]{7,10}[T ]\d\d)(:?\d\d)?[.,](\d{1,7}+)\d*+([Z+-].*)?"
_HOUR_S, _MINUTE_S = 3600, 60
_MINUS = "\u2212"


def to_wall_s(text: str, zone: tzinfo | None = UTC) -> float:
    """Parse ISO 8601; without a zone it is in `zone`, None being this process's local time.

    Raise ValueError for anything else; for local time that the system cannot tell OverflowError, too.
    """
    text = text.upper()
    moment = _usual_form(text) or _rare_form(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.timestamp()


def _usual_form(text: str) -> datetime | None:
    # datetime takes the fraction of an hour, or of a minute, for that of a second.
    if ("." in text or "," in text) and not text[13:14] == text[16:17] == ":":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _rare_form(text: str) -> datetime:
    """Parse a leap second, midnight as the end of a day, the day of a year, the fraction of an hour."""
    import re  # compiled only where it is needed: a job pays for each pattern

    text = text.replace(_MINUS, "-")
    if match := re.fullmatch(_DAY_OF_YEAR, text, re.ASCII):
        text = _calendar_date(int(match[1]), int(match[2])) + match[3]
    for pattern, instead, left_out_s in _RARE_FORMS:
        if match := re.fullmatch(pattern, text, re.ASCII):
            moment = datetime.fromisoformat(match[1] + instead + match[2])
            if moment.year < MAXYEAR:
                return moment + timedelta(seconds=left_out_s)
    if match := re.fullmatch(_FRACTION_OF_HOUR_OR_MINUTE, text, re.ASCII):
        moment = datetime.fromisoformat(match[1] + (match[2] or "") + (match[4] or ""))
        return moment + timedelta(seconds=float(f"0.{match[3]}") * (_MINUTE_S if match[2] else _HOUR_S))
    return datetime.fromisoformat(text)


def _calendar_date(year: int, day_of_year: int) -> str:
    day = date.fromordinal(date(year, 1, 1).toordinal() + day_of_year - 1)
    if day.year != year:
        raise ValueError("not a day of that year")
    return day.isoformat()


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
