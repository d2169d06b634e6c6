"""What fail2ban's column `ip` may hold: addresses, networks, and whatever a log line gave."""

import ipaddress

from bangui_cli.rules.validation import Rejected, normalise_ip


def first_address(text: str) -> str:
    """Return an address, or the first one of a network, in normal form. Raise Rejected for the rest."""
    if "/" not in text:
        return normalise_ip(text)
    try:
        first = ipaddress.ip_network(text, strict=False).network_address
    except ValueError:
        raise Rejected("not a network") from None
    return normalise_ip(str(first))
