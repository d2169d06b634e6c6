"""Numbers, moments and names as the page writes them."""

from datetime import UTC, date, datetime, timedelta

from bangui_cli.host import terminal
from bangui_cli.reporting.page.contents import Contents
from bangui_cli.telling.readable import counted

_LONGEST_NAME = 64
_NAMELESS = "(no name)"
_HOURS_BELOW = 48


def grouped(number: int) -> str:
    """Write a count exactly, its thousands apart."""
    return f"{number:,}"


def percent(count: int, total: int) -> str:
    """Write a share so that what is there is never 0 %, and what is not all is never 100 %."""
    share = 100 * count / total if total else 0.0
    if 0 < share < 0.1:
        return "< 0.1 %"
    return "> 99.9 %" if 99.95 <= share < 100 else f"{share:.1f} %"


def named(text: str | None) -> str:
    """Return a name from outside, harmless, of bearable length, and never an empty cell."""
    name = terminal.safe(text or "").strip() or _NAMELESS
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def moment(at: datetime, other: datetime | None = None) -> str:
    """Write a moment to the minute, with its offset from UTC where another beside it does not tell."""
    minute = f"{at:%-d %B %Y, %H:%M}"
    return minute if other and other.utcoffset() == at.utcoffset() else f"{minute} {zone(at)}"


def machine_readable(at: datetime) -> str:
    """Write a moment for a program, as HTML has it: in milliseconds at most, its offset in minutes."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def zone(at: datetime) -> str:
    """Name the zone of a moment by its offset, which needs no explanation."""
    offset = at.strftime("%z")
    return "UTC" if offset in ("", "+0000") else f"UTC{offset[:3]}:{offset[3:5]}"


def day(at: datetime) -> str:
    """Write the day of a moment."""
    return f"{at:%-d %B %Y}"


def span(contents: Contents) -> str:
    """Say how long a time is told of, in whole days or hours."""
    assert contents.since is not None
    hours = round((contents.until - contents.since) / timedelta(hours=1))
    return counted(hours, "hour") if hours < _HOURS_BELOW else counted(round(hours / 24), "day")


def change(now: int, before: int) -> str:
    """Compare a total with that of the span before."""
    if now == before:
        return "unchanged"
    if not before:
        return "new"
    return f"{100 * (now - before) / before:+,.1f} %".replace("-", "\N{MINUS SIGN}")


def period(key: str, unit: str) -> str:
    """Write the key of an hour or a day in full; a week and a month are as short as they can be."""
    if unit == "hour":
        at = datetime.fromisoformat(key)
        hour = f"{at:%a %-d %b %Y, %H:%M}"
        # An hour that comes twice has its offset in the key.
        return f"{hour} {zone(at)}" if at.tzinfo else hour
    return f"{date.fromisoformat(key):%a %-d %b %Y}" if unit == "day" else key


def short_period(key: str, unit: str) -> str:
    """Write a key under its bar."""
    if unit == "hour":
        at = datetime.fromisoformat(key)
        return key.partition("T")[2] if at.tzinfo else f"{at:%a %H:%M}"
    return f"{date.fromisoformat(key):%-d %b}" if unit == "day" else key
