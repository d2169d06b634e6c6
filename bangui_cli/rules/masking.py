"""Mask addresses in text: IPv4 to its /24, IPv6 to its /48."""

import ipaddress
import re
from collections.abc import Collection
from functools import partial

PREFIX_BITS = {4: 24, 6: 48}

_START, _END = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
_BITS = rf"(?:/(?P<bits>[0-9]{{1,3}}){_END})?"
_QUAD = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_GROUP = r"[0-9A-Fa-f]{1,4}"
# Five numbers and more are a version or an object identifier.
_IPV4 = re.compile(rf"{_START}(?<![0-9]\.)(?P<address>{_QUAD}){_END}(?!\.[0-9]){_BITS}")
# Eight groups, or a `::` somewhere: a time of day has neither, nor has a MAC address.
_IPV6 = re.compile(
    rf"""{_START}(?P<address>
        (?:{_GROUP}:){{6}}(?:{_GROUP}:{_GROUP}|{_QUAD})
      | (?:{_GROUP}(?::{_GROUP})*)?::(?:(?:{_GROUP}:)*(?:{_QUAD}|{_GROUP}))?
    ){_END}{_BITS}""",
    re.VERBOSE,
)

# A colour, or a line break that was written out, ends in a letter that is no part of a word.
_ESCAPE = re.compile(
    r"""( (?: \x1b\[ | \x9b | \\x1b\[ | \\x9b | \\u00[19]b\[? ) [0-9;]* [A-Za-z]
      | \\ (?: x[0-9A-Fa-f]{2} | u[0-9A-Fa-f]{4} | [abefnrtv] ) )""",
    re.VERBOSE,
)


def mask_addresses(text: str, spared: Collection[str] = ()) -> str:
    """Replace every address in `text` by its network, but for those of `spared`, however written."""
    mask, pieces = partial(_mask, spared=spared), _ESCAPE.split(text)
    pieces[::2] = [_IPV4.sub(mask, _IPV6.sub(mask, piece)) for piece in pieces[::2]]
    return "".join(pieces)


def addresses_in(text: str) -> frozenset[str]:
    """Return the addresses in a text, in normal form."""
    matches = (*_IPV4.finditer(text), *_IPV6.finditer(text))
    return frozenset(str(address) for match in matches if (address := _address(match)))


def _mask(match: re.Match[str], spared: Collection[str]) -> str:
    address = _address(match)
    if address is None or str(address) in spared:
        return match[0]
    most_bits = PREFIX_BITS[address.version]
    bits = min(int(match["bits"] or most_bits), most_bits)
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


def _address(match: re.Match[str]) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(match["address"])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
