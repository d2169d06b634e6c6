"""Divide a time into the bars of a picture: hours, days, weeks, months or years by local time."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

MOST_BARS = 400
_HOUR_S = 3600.0
# How long a bar is at least, which decides how many there are; and at most, behind which is the next.
_SHORTEST_DAYS = {"day": 1, "week": 7, "month": 28, "year": 365}
_LONGEST_DAYS = {"day": 1, "week": 7, "month": 31, "year": 366}
# A day that the clocks make longer, and the moment between two readings of them, are no reason for days.
_HOURS_UP_TO_S = 49 * _HOUR_S + 60
_KEYS = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}


class Division(NamedTuple):
    """Bars of one unit by their keys, those of a report, and the moments at which each begins."""

    unit: str
    keys: list[str]
    starts_s: list[float]


def divide(since_s: float, until_s: float, zone: tzinfo | None = None) -> Division:
    """Divide a time, its end excluded; None is the local time of this process."""
    unit = _unit(until_s - since_s)
    starts = list(_starts(unit, since_s, until_s, zone))
    keys = _hours(starts) if unit == "hour" else [at.strftime(_KEYS[unit]) for at in starts]
    return Division(unit, keys, [at.timestamp() for at in starts])


def _unit(length_s: float) -> str:
    if length_s <= _HOURS_UP_TO_S:
        return "hour"
    days = length_s / (24 * _HOUR_S)
    fit = (unit for unit, shortest in _SHORTEST_DAYS.items() if days <= MOST_BARS * shortest)
    return next(fit, "year")


def _starts(unit: str, since_s: float, until_s: float, zone: tzinfo | None) -> Iterator[datetime]:
    """Yield the beginnings of what a time touches, the first one before it."""
    start = _begin(unit, _local(since_s, zone))
    while True:
        yield start
        start = _next(unit, start, zone)
        if start.timestamp() >= until_s:
            return


def _local(wall_s: float, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(wall_s, zone).astimezone(zone)


def _begin(unit: str, at: datetime) -> datetime:
    if unit == "hour":
        return at - timedelta(minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
    first = {
        "day": at,
        "week": at - timedelta(days=at.weekday()),
        "month": at.replace(day=1),
        "year": at.replace(month=1, day=1),
    }[unit]
    return _midnight(first, at.tzinfo)


def _next(unit: str, start: datetime, zone: tzinfo | None) -> datetime:
    if unit == "hour":
        return _local(start.timestamp() + _HOUR_S, zone)
    # Noon of a day that is surely in the next one, whatever the clocks do at night.
    later = start + timedelta(days=_LONGEST_DAYS[unit], hours=12)
    return _begin(unit, _midnight(later, zone))


def _midnight(at: datetime, zone: tzinfo | None) -> datetime:
    return datetime(at.year, at.month, at.day, tzinfo=zone).astimezone(zone)


def _hours(starts: list[datetime]) -> list[str]:
    """Key hours by their local time, and by their offset, too, where the clocks were put back."""
    keys = [at.strftime("%Y-%m-%dT%H:%M") for at in starts]
    seen = Counter(keys)
    return [
        key if seen[key] == 1 else at.isoformat(timespec="minutes")
        for key, at in zip(keys, starts, strict=True)
    ]
