"""Lay texts out in the columns of a terminal, where a letter may take two, or none."""

import unicodedata
from collections.abc import Sequence

_GAP = "  "
_LEAST_COLUMNS = 8


def width(text: str) -> int:
    """Return the columns that a text takes: two for a letter of CJK, none for an accent."""
    return len(text) if text.isascii() else sum(map(_width_of, text))


def _width_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, most: int) -> str:
    """Cut a text that takes more than `most` columns, and mark it so."""
    if width(text) <= most:
        return text
    while width(text) >= most:
        text = text[: most - 1] if len(text) >= most else text[:-1]
    return f"{text}…"


def pad(text: str, columns: int) -> str:
    """Fill a text up with blanks."""
    return text + " " * (columns - width(text))


def table(lines: Sequence[Sequence[str]], most: int | None = None) -> str:
    """Lay lines of cells out below each other, in `most` columns where cutting long cells allows it."""
    widths = [max(map(width, cells)) for cells in zip(*lines, strict=True)]
    if most is not None:
        widths = fit(widths, most)
        lines = [list(map(clip, line, widths)) for line in lines]
    return "\n".join(_GAP.join(map(pad, line, widths)).rstrip() for line in lines)


def fit(widths: Sequence[int], most: int) -> list[int]:
    """Take columns away from the widest until all fit, but none below 8."""
    fitted = list(widths)
    while sum(fitted) + len(_GAP) * (len(fitted) - 1) > most and max(fitted) > _LEAST_COLUMNS:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted
