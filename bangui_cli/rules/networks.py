"""Addresses and networks, as bans name them: their one normal form, and which of them holds which."""

import ipaddress
import socket
from collections.abc import Iterable
from typing import NamedTuple

from bangui_cli.rules.validation import Rejected, normalise_ip

# IPv4 as IPv6, ::ffff:0:0/96.
_MAPPED_LENGTH = 96


class Span(NamedTuple):
    """The addresses of one network, or a single one: numbers of so many bits, both ends included."""

    bits: int
    first: int
    length: int

    @property
    def last(self) -> int:
        """Return the last address."""
        return self.first | (1 << (self.bits - self.length)) - 1

    def holds(self, other: "Span") -> bool:
        """Tell whether all the addresses of another are in this one."""
        return (
            self.bits == other.bits
            and self.length <= other.length
            and self.first <= other.first <= self.last
        )


def normalise(text: str) -> str:
    """Return an address, or a network without host bits, in normal form. Raise Rejected.

    A network of one address is that address; one of IPv4-mapped addresses is one of IPv4.
    """
    if "/" not in text:
        return normalise_ip(text)
    if "%" in text:
        raise Rejected("a network with a zone ID")
    try:
        network: ipaddress.IPv4Network | ipaddress.IPv6Network = ipaddress.ip_network(
            text.strip(), strict=False
        )
    except ValueError:
        raise Rejected("not a network") from None
    first, length = network.network_address, network.prefixlen
    mapped = getattr(first, "ipv4_mapped", None)
    if mapped and length >= _MAPPED_LENGTH:
        first, length = mapped, length - _MAPPED_LENGTH
    return str(first) if length == first.max_prefixlen else f"{normalise_ip(str(first))}/{length}"


def first_address(text: str) -> str:
    """Return the first address of what is in normal form: a network is looked up by it."""
    return text.partition("/")[0]


def span(text: str) -> Span:
    """Return the addresses of what is in normal form. Raise Rejected for what is neither."""
    first, _, length = text.partition("/")
    try:
        number = socket.inet_pton(socket.AF_INET6 if ":" in first else socket.AF_INET, first)
        bits = 8 * len(number)
        return Span(bits, int.from_bytes(number), int(length or bits))
    except (OSError, ValueError):
        raise Rejected("neither an address nor a network") from None


def within(texts: Iterable[str], network: str) -> list[str]:
    """Return those that are in a network, all in normal form; what is neither is in none."""
    outer = span(network)
    return [text for text in texts if (inner := _span_or_none(text)) and outer.holds(inner)]


class Networks:
    """Many networks in normal form, to be asked which of them hold an address."""

    def __init__(self, texts: Iterable[str]) -> None:
        spans = ((_span_or_none(text), text) for text in texts)
        self._text_of = {found: text for found, text in spans if found}
        self._lengths = sorted({(found.bits, found.length) for found in self._text_of})

    def holding(self, ip: str) -> list[str]:
        """Return the networks that an address is in, the widest first."""
        bits, number, _ = span(ip)
        widths = [(length, bits - length) for of_bits, length in self._lengths if of_bits == bits]
        candidates = [Span(bits, number >> rest << rest, length) for length, rest in widths]
        return [self._text_of[found] for found in candidates if found in self._text_of]


def common_text(network: str) -> str:
    """Return what the texts of all that is in a network begin with, in normal form."""
    first, _, length = network.partition("/")
    if not length:
        return first
    if ":" in first:
        return _common_groups(first, int(length) // 16)
    return "".join(f"{octet}." for octet in first.split(".")[: int(length) // 8])


def _common_groups(first: str, groups: int) -> str:
    """Return the leading groups up to a zero, from where on `::` may stand for some."""
    leading = first.partition("::")[0].split(":")[:groups]
    kept = leading[: leading.index("0")] if "0" in leading else leading
    return "".join(f"{group}:" for group in kept if group)


def _span_or_none(text: str) -> Span | None:
    try:
        return span(text)
    except Rejected:
        return None
