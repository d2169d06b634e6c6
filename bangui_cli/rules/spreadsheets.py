"""Texts that a spreadsheet would run, were they cells of a CSV file."""

import re

# A cell that begins so is a formula, in full width, too; to a reader that separates by something else,
# a cell begins inside, and a quote opens it there.
_SEPARATORS, _SIGNS = ",;|\t\r\n", "=+\\-@\uff1d\uff0b\uff0d\uff20\t\r"
_START, _SIGN = f'(^ *|[{_SEPARATORS}][ "]*)', f"[{_SIGNS}]"
# One more where there are some already: so the text can be told again.
_FORMULA = re.compile(f"{_START}(?='*{_SIGN})")
_DEFUSED = re.compile(f"{_START}'(?='*{_SIGN})")
_LEADING = frozenset(f"' {_SIGNS}")
_separated = re.compile(f"[{_SEPARATORS}]").search


def defuse(text: str) -> str:
    """Put an apostrophe wherever a formula could begin."""
    # Most texts are told to be harmless in a tenth of the time.
    if text[:1] not in _LEADING and not _separated(text):
        return text
    return _FORMULA.sub(r"\1'", text)


def restore(text: str) -> str:
    """Take the apostrophes off again."""
    return _DEFUSED.sub(r"\1", text)
