"""A ban as the history keeps it, made of what fail2ban's database holds."""

import ipaddress
from functools import lru_cache
from typing import Any, NamedTuple

from bangui_cli.rules import timestamps
from bangui_cli.rules.sqlite_spelling import decode
from bangui_cli.rules.validation import Rejected, normalise_ip

# What fail2ban writes where it does not know how long a ban lasts; it counts as in force.
UNKNOWN_S = -2
_FIRST_BANCOUNT = 1
_MAPPED_BITS = 96
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


def normalise_target(text: str) -> str:
    """Return an address or a network in normal form: host bits cleared. Raise Rejected."""
    if "/" not in text:
        return normalise_ip(text)
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise Rejected("not a network") from None
    first, bits = normalise_ip(str(network.network_address)), network.prefixlen
    if network.version == 6 and ":" not in first:
        bits -= _MAPPED_BITS
    longest = 128 if ":" in first else 32
    return first if bits == longest else f"{first}/{bits}"


def first_address(target: str) -> str:
    """Return an address in normal form, or the first one of a network in normal form."""
    return target.partition("/")[0]


def normalise(raw: Raw) -> Ban:
    """Return the ban that a row tells of. Raise Rejected for what has no jail, no place or no time."""
    jail, ip, banned_at, bantime, bancount, failures = raw
    if type(banned_at) is not bytes or len(banned_at) != timestamps.WIDTH_CHARACTERS:
        raise Rejected("not a time")
    return Ban(
        _name(jail),
        normalise_target(_text(ip)),
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
