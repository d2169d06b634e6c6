"""Mask addresses in text: IPv4 to its /24, IPv6 to its /48."""

import ipaddress
import re

_IPV4 = re.compile(r"(?<![\w.:])(?:::ffff:)?\d{1,3}(?:\.\d{1,3}){3}(?!\w)", re.IGNORECASE)
_IPV6 = re.compile(
    r"(?<![\w.:])[0-9a-f]*:[0-9a-f:]*:[0-9a-f:]*(?:\d{1,3}(?:\.\d{1,3}){3})?(?!\w)", re.IGNORECASE
)


def mask_addresses(text: str) -> str:
    """Replace every address in `text` by its network."""
    return _IPV4.sub(_mask, _IPV6.sub(_mask, text))


def _mask(match: re.Match[str]) -> str:
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return match[0]
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    prefix = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
