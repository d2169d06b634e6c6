"""Lay values out in columns: within the width of a terminal, or as wide as they are for anything else.

Nothing is ever cut. What does not fit is broken at blanks; a table whose columns would get too narrow is
laid out with each value on a line of its own.
"""

import sys
import unicodedata
from collections.abc import Sequence

_GAP = "  "
# A longer word, such as a path, is broken before a table is given up.
_LONG_WORD_COLUMNS = 24


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None) -> list[str]:
    """Return lines of aligned columns under their heads."""
    widths = [max(map(width, column)) for column in zip(heads, *rows, strict=True)]
    if columns is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= columns:
        return [line for row in (heads, *rows) for line in _row(row, widths, None)]
    # A head such as country_code may be broken like a text.
    titles = [head.replace("_", " ") for head in heads]
    bodies = list(zip(*rows, strict=True))
    narrowed = _narrow(titles, bodies, columns) or _narrow(titles, bodies, columns, _LONG_WORD_COLUMNS)
    if narrowed:
        return [line for row in (titles, *rows) for line in _row(row, narrowed, columns)]
    names = [head.strip() for head in heads]
    return "\n\n".join("\n".join(pairs(names, row, columns)) for row in rows).split("\n")


def pairs(
    names: Sequence[str], values: Sequence[str], columns: int | None, indent: str = ""
) -> list[str]:
    """Return a line for each name and its value, the values aligned."""
    name_columns, below = max(map(width, names), default=0), indent + _GAP
    heads = [f"{indent}{_pad(name, name_columns)}{_GAP}" for name in names]
    lines = [hang(*each, columns, below) for each in zip(heads, values, strict=True)]
    return [line for each in lines for line in each]


def hang(head: str, text: str, columns: int | None, below: str = _GAP) -> list[str]:
    """Return a text behind its head; what does not fit goes on below, under where it began.

    A word that is too long for that moves the whole text below the head, with `below` before it.
    """
    if columns is None:
        return [(head + text).rstrip()]
    room = columns - width(head)
    if _longest_word(text) > room:
        return [head.rstrip(), *(below + line for line in _wrap(text, columns - len(below)))]
    first, *rest = _wrap(text, room)
    return [(head + first).rstrip(), *(" " * width(head) + line for line in rest)]


def width(text: str) -> int:
    """Return the columns of a terminal that a text takes: two for CJK, none for an accent."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    accents = sum(unicodedata.combining(character) > 0 for character in text)
    return len(text) + wide - accents


def _row(cells: Sequence[str], widths: Sequence[int], columns: int | None) -> list[str]:
    """Return the lines of one row, several where a cell is wrapped."""
    wrapped = [
        [cell] if columns is None else _wrap(cell, room)
        for cell, room in zip(cells, widths, strict=True)
    ]
    height = max(map(len, wrapped))
    lines = zip(*([*cell, *[""] * (height - len(cell))] for cell in wrapped), strict=True)
    return [_GAP.join(map(_pad, line, widths)).rstrip() for line in lines]


def _narrow(
    titles: Sequence[str],
    bodies: Sequence[Sequence[str]],
    columns: int,
    most_columns: int = sys.maxsize,
) -> list[int] | None:
    """Return widths that fit, taken from the widest column that can spare any; None if there is none.

    No word of up to `most_columns` is broken.
    """
    least = list(map(_longest_word, titles))
    widths = [max(own, *map(width, body)) for own, body in zip(least, bodies, strict=True)]
    words = [max(own, *map(_longest_word, body)) for own, body in zip(least, bodies, strict=True)]
    floors = [min(own, most_columns) for own in words]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - columns
    if sum(widths) - sum(floors) < excess:
        return None
    for _ in range(excess):
        spare = [own if own > floor else 0 for own, floor in zip(widths, floors, strict=True)]
        widths[spare.index(max(spare))] -= 1
    return widths


def _longest_word(text: str) -> int:
    """Return the width of the longest word, which is the least that a column can have."""
    return max(map(width, text.split()), default=0)


def _wrap(text: str, columns: int) -> list[str]:
    """Break a text at blanks, and within a word only where the word is longer than a line."""
    if width(text) <= columns:
        return [text]
    from rich.console import Console
    from rich.text import Text

    columns = max(columns, 1)
    lines = Text(text).wrap(Console(width=columns), columns, overflow="fold")
    return [line.plain.rstrip() for line in lines]


def _pad(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))
