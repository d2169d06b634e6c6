"""Texts that a spreadsheet would run, were they cells of a CSV file."""

import re

# A cell that begins so is a formula, in full width, too; to a reader that separates by something else,
# a cell begins inside.
_FORMULA = re.compile("((?:^|[,;|\t\r\n]) *)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r])")


def defuse(text: str) -> str:
    """Put an apostrophe wherever a formula could begin."""
    return _FORMULA.sub(r"\1'", text)
