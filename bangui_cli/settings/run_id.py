"""The ID by which the lines of one run are found."""

import os

VARIABLE = "BANGUI_CORRELATION_ID"


def of_environment() -> str:
    """Return the ID that the environment gives, else a new one."""
    return os.environ.get(VARIABLE) or new()


def new() -> str:
    """Return a random UUID (RFC 9562, version 4).

    The module for them reads a dozen files: too many for the last words of a run on a slow disk.
    """
    digits = bytearray(os.urandom(16))
    digits[6], digits[8] = digits[6] & 0x0F | 0x40, digits[8] & 0x3F | 0x80
    text = digits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
