"""Which machine this is, among clones that share a host name."""

from bangui_cli.host import procfs

_MACHINE_ID = "/etc/machine-id"
_DIGITS = 8


def short_id() -> str:
    """Return the first 8 hex digits of the machine's ID (machine-id(5)), "" where it has none."""
    return procfs.read(_MACHINE_ID).strip()[:_DIGITS]
