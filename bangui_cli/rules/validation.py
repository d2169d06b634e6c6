"""Make entries of values from outside: each is brought into its one normal form, or rejected."""

import ipaddress
import socket
import unicodedata

from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import FUTURE_LIMIT_S, Entry, known_country

TEXT_LIMIT_CHARACTERS = 200
_ASN_CEILING = 2**32
# Longer than any address or time: what parsers do with megabytes is not worth the wait.
_LONGEST_CHARACTERS = 100
# IP2Location writes a dash for what it does not know.
_NOTHING = ("", "-")


class Rejected(ValueError):
    """A value cannot be part of an entry; the message says why, without the value's content."""


def normalise_ip(text: object) -> str:
    """Return the canonical text of an address; IPv4-mapped IPv6 becomes IPv4. Raise Rejected."""
    if type(text) is str:
        # The C library does most of them in a tenth of the time.
        try:
            if ":" not in text:
                socket.inet_pton(socket.AF_INET, text)
                return text
            ip = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
            if "." not in ip:
                return ip
        except (OSError, ValueError):
            pass
    return _parse_ip(text)


def is_normal_ip(text: str) -> bool:
    """Tell whether a text is an address in normal form."""
    try:
        return normalise_ip(text) == text
    except Rejected:
        return False


def _parse_ip(text: object) -> str:
    """Do what `normalise_ip` does for the texts that the C library reads otherwise, or not at all."""
    if not isinstance(text, str):
        raise Rejected("the address is not text")
    text = text.strip()
    if len(text) > _LONGEST_CHARACTERS:
        raise Rejected("not an IP address")
    if "/" in text:
        raise Rejected("a network, not an address")
    if "%" in text:
        raise Rejected("an address with a zone ID")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise Rejected("not an IP address") from None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def normalise_country(code: object, name: object) -> tuple[str | None, str | None]:
    """Return code and name of a country; of the one ISO 3166 adds the other. Raise Rejected.

    A name that is given, and empty, stays empty; the name of what is no country is dropped.
    """
    country_code, country_name = normalise_country_code(code), clean_text(name)
    if country_code is None:
        if country_name is None or clean_text(code):
            return None, None
        from bangui_cli.rules.countries import code_of  # a table of 5 KB

        return code_of(country_name), country_name
    if name is not None:
        return country_code, country_name
    from bangui_cli.rules.countries import short_name

    return country_code, short_name(country_code)


def normalise_country_code(value: object) -> str | None:
    """Return two upper-case letters, or None for nothing and for what is no country. Raise Rejected."""
    text = clean_text(value)
    if text is not None and not (len(text) == 2 and text.isascii() and text.isalpha()):
        raise Rejected("the country code is not two letters")
    return known_country(text)


def normalise_asn(value: object) -> str | None:
    """Return `AS<number>` for 13335, "13335", 13335.0 or "as13335", None for nothing."""
    text = clean_text(value)
    if text is None:
        return None
    digits, point, fraction = (text[2:] if text[:2].upper() == "AS" else text).partition(".")
    if point and fraction.strip("0"):  # pandas writes whole numbers as 13335.0 where some are missing
        raise Rejected("the ASN is not a whole number")
    if not (digits.isascii() and digits.isdigit()):
        raise Rejected("the ASN is not a number")
    if len(digits) > 10 or int(digits) >= _ASN_CEILING:
        raise Rejected("the ASN is out of range")
    return f"AS{int(digits)}"


def clean_text(value: object) -> str | None:
    """Strip control characters and outer blanks, cut at 200 characters; nothing and "-" are None."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Rejected("not text")
    # Whatever comes later is cut off anyway; a 10 MB field must not be walked through.
    head = value[: TEXT_LIMIT_CHARACTERS * 8]
    if not head.isprintable():
        head = "".join(character for character in head if not _is_control(character))
    text = head.strip()[:TEXT_LIMIT_CHARACTERS].strip()
    return None if text in _NOTHING else text


def _is_control(character: str) -> bool:
    # Cc: C0, DEL and C1 · Cf: bidirectional overrides and the like · Cs: halves of a code point ·
    # Zl, Zp: line ends that are no ASCII.
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def normalise_time(value: object, now_s: float) -> str:
    """Return a timestamp text for ISO 8601 or epoch seconds; nothing is now, no zone is UTC.

    `now_s` is the wall clock. A time more than 24 h ahead of it is refused.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return timestamps.to_text(now_s)
    moment_s = _parse_time_s(value)
    if moment_s > now_s + FUTURE_LIMIT_S:
        raise Rejected("the time is more than 24 h ahead")
    if moment_s < 0:
        raise Rejected("the time is before 1970")
    return timestamps.to_text(moment_s)


def _parse_time_s(value: object) -> float:
    try:
        return timestamps.read_s(value if type(value) is not str else _short(value))
    except (ValueError, OverflowError):
        raise Rejected("not a time in ISO 8601 or seconds since 1970") from None


def _short(text: str) -> str:
    if len(text) > _LONGEST_CHARACTERS:
        raise ValueError
    return text


def make_entry(
    ip: object,
    country_code: object = None,
    country_name: object = None,
    asn: object = None,
    org: object = None,
    resolved_at: object = None,
    *,
    now_s: float,
) -> Entry:
    """Validate and normalise the fields of one entry. Raise Rejected with the reason."""
    return Entry(
        normalise_ip(ip),
        *normalise_country(country_code, country_name),
        normalise_asn(asn),
        clean_text(org),
        normalise_time(resolved_at, now_s),
    )
