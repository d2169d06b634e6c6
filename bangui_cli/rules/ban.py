"""A ban as the history keeps it, made of what fail2ban's database holds."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Any, NamedTuple

from bangui_cli.rules import networks, timestamps
from bangui_cli.rules.sqlite_spelling import decode
from bangui_cli.rules.validation import Rejected

# What fail2ban writes where it does not know how long a ban lasts; it counts as in force.
UNKNOWN_S = -2
_FIRST_BANCOUNT = 1
_REPLACEMENT = "\ufffd"
_LONGEST_NAME = 1000
_INTEGERS = 2**63
# Nothing was banned before it, and a year below 0 does not sort.
_EARLIEST = "1970"
# pandas writes whole numbers as 600.0 where some are missing.
_whole_number = re.compile(r"(-?[0-9]{1,19})(?:\.0*)?").fullmatch


class Ban(NamedTuple):
    """One ban in normal form, in the column order of `ban_history` behind the instance.

    `ip` may be a network; `banned_at` is a timestamp text; `bantime_s` below 0 has no end.
    """

    jail: str
    ip: str
    banned_at: str
    bantime_s: int
    bancount: int
    failures: int | None


# The first columns, which no two bans of an instance have in common.
_KEY_COLUMNS = 3


def each_once(bans: Iterable[Ban]) -> list[Ban]:
    """Return bans sorted by address; of two that are the same one, the later."""
    found = sorted(bans, key=attrgetter("ip"))
    # Most come in the order of their times: where those of an address only grow, no two are one.
    if all(one.ip != other.ip or one.banned_at < other.banned_at for one, other in pairwise(found)):
        return found
    return list({each[:_KEY_COLUMNS]: each for each in found}.values())


class KeptBan(NamedTuple):
    """A row of `ban_history`: a ban and the instance whose it is."""

    instance: str
    jail: str
    ip: str
    banned_at: str
    bantime_s: int
    bancount: int
    failures: int | None


def make_ban(row: Mapping[str, Any]) -> KeptBan:
    """Make a ban of a row that was exported. Raise Rejected with the field and the reason."""
    return KeptBan(
        _field(row, "instance", _read_name),
        _field(row, "jail", _read_jail),
        _field(row, "ip", _read_place),
        _field(row, "banned_at", _read_time),
        _field(row, "bantime_s", lambda value: _read_whole(value, UNKNOWN_S)),
        _field(row, "bancount", lambda value: _read_whole(value, _FIRST_BANCOUNT)),
        _field(row, "failures", lambda value: _read_whole(value, None)),
    )


def _field(row: Mapping[str, Any], name: str, read: Callable[[Any], Any]) -> Any:
    try:
        return read(row.get(name))
    except Rejected as error:
        raise Rejected(f"{name}: {error}") from None


def _read_name(value: Any) -> str:
    if value == "":
        raise Rejected("empty")
    return _read_jail(value)


def _read_jail(value: Any) -> str:
    if not isinstance(value, str):
        raise Rejected("not a text")
    if len(value) > _LONGEST_NAME:
        raise Rejected(f"longer than {_LONGEST_NAME} characters")
    return value.replace("\0", _REPLACEMENT)


def _read_place(value: Any) -> str:
    if not isinstance(value, str):
        raise Rejected("not a text")
    return networks.normalise(value)


def _read_time(value: Any) -> str:
    """Read a time, also one that is ahead: a clock that was wrong is no reason to lose a ban."""
    is_long = isinstance(value, str) and len(value) > _LONGEST_NAME
    at = "" if is_long else timestamps.normal_text(value)
    if at < _EARLIEST:
        raise Rejected("not a time in ISO 8601 or seconds since 1970")
    return at


def _read_whole(value: Any, otherwise: int | None) -> int | None:
    """Read a whole number, which a table holds as a text."""
    if value is None or value == "":
        return otherwise
    if isinstance(value, str):
        match = _whole_number(value.strip())
        value = int(match[1]) if match else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not -_INTEGERS <= value < _INTEGERS:
        raise Rejected("not a whole number")
    return value


# What fail2ban's database holds of one, any value of any type: jail, address or network, timestamp text,
# bantime, bancount, failures. Texts are bytes.
Raw = tuple[Any, Any, Any, Any, Any, Any]


def normalise(raw: Raw) -> Ban:
    """Return the ban that a row tells of. Raise Rejected for what has no jail, no place or no time."""
    jail, ip, banned_at, bantime, bancount, failures = raw
    if type(banned_at) is not bytes or len(banned_at) != timestamps.WIDTH_CHARACTERS:
        raise Rejected("not a time")
    at = banned_at.decode()
    if at < _EARLIEST:
        raise Rejected("not a time")
    return Ban(
        _name(jail),
        networks.normalise(_text(ip)),
        at,
        bantime if type(bantime) is int else _whole_seconds(bantime),
        bancount if type(bancount) is int else _FIRST_BANCOUNT,
        failures if type(failures) is int else None,
    )


def _whole_seconds(bantime: Any) -> int:
    """Cut off the fraction that `bantime.rndtime` gives a bantime, as fail2ban does for its actions."""
    is_number = type(bantime) is float and abs(bantime) < _INTEGERS
    return int(bantime) if is_number else UNKNOWN_S


@lru_cache(1000)
def _name(value: Any) -> str:
    # PostgreSQL takes no NUL in a text.
    return _text(value).replace("\0", _REPLACEMENT)


def _text(value: Any) -> str:
    if type(value) is bytes:
        return decode(value)
    raise Rejected("not a text")
