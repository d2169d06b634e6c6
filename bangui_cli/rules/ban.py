"""A ban as the history keeps it, made of what fail2ban's database holds."""

from functools import lru_cache
from typing import Any, NamedTuple

from bangui_cli.rules import networks, timestamps
from bangui_cli.rules.sqlite_spelling import decode
from bangui_cli.rules.validation import Rejected

# What fail2ban writes where it does not know how long a ban lasts; it counts as in force.
UNKNOWN_S = -2
_FIRST_BANCOUNT = 1
_REPLACEMENT = "\ufffd"


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


# What fail2ban's database holds of one, any value of any type: jail, address or network, timestamp text,
# bantime, bancount, failures. Texts are bytes.
Raw = tuple[Any, Any, Any, Any, Any, Any]


def normalise(raw: Raw) -> Ban:
    """Return the ban that a row tells of. Raise Rejected for what has no jail, no place or no time."""
    jail, ip, banned_at, bantime, bancount, failures = raw
    if type(banned_at) is not bytes or len(banned_at) != timestamps.WIDTH_CHARACTERS:
        raise Rejected("not a time")
    return Ban(
        _name(jail),
        networks.normalise(_text(ip)),
        banned_at.decode(),
        bantime if type(bantime) is int else UNKNOWN_S,
        bancount if type(bancount) is int else _FIRST_BANCOUNT,
        failures if type(failures) is int else None,
    )


@lru_cache(1000)
def _name(value: Any) -> str:
    # PostgreSQL takes no NUL in a text.
    return _text(value).replace("\0", _REPLACEMENT)


def _text(value: Any) -> str:
    if type(value) is bytes:
        return decode(value)
    raise Rejected("not a text")
