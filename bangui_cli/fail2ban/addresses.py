"""What fail2ban's column `ip` may hold: addresses, networks, and whatever a log line gave."""

from bangui_cli.rules import networks


def first_address(text: str) -> str:
    """Return an address, or the first one of a network, in normal form. Raise Rejected for the rest."""
    return networks.first_address(networks.normalise(text))
