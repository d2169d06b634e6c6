"""Lay values out in columns: within the width of a terminal, or as wide as they are for anything else.

Nothing is ever cut. What does not fit is broken at blanks; a table whose columns would get too narrow is
laid out with each value on a line of its own.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

_GAP = "  "
# A longer word, such as a path, is broken before a table is given up.
_LONG_WORD_COLUMNS = 24


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], columns: int | None) -> Iterator[str]:
    """Yield lines of aligned columns under their heads; the rows are gone through more than once."""
    widths = _widest(rows, map(width, heads), width)
    if columns is None or _total(widths) <= columns:
        return (_line(row, widths) for row in chain([heads], rows))
    # A head such as country_code may be broken like a text.
    titles = [head.replace("_", " ") for head in heads]
    narrowed = _narrow(titles, rows, columns)
    if narrowed:
        return (line for row in chain([titles], rows) for line in _wrapped(row, narrowed))
    return _one_value_a_line([head.strip() for head in heads], rows, columns)


def _one_value_a_line(
    names: Sequence[str], rows: Iterable[Sequence[str]], columns: int
) -> Iterator[str]:
    for number, row in enumerate(rows):
        if number:
            yield ""
        yield from pairs(names, row, columns)


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


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(map(_pad, cells, widths)).rstrip()


def _wrapped(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Return the lines of one row, several where a cell is too wide."""
    wrapped = list(map(_wrap, cells, widths))
    height = max(map(len, wrapped))
    lines = zip(*([*cell, *[""] * (height - len(cell))] for cell in wrapped), strict=True)
    return [_line(line, widths) for line in lines]


def _narrow(titles: Sequence[str], rows: Iterable[Sequence[str]], columns: int) -> list[int] | None:
    """Return widths that fit; None if there are none in which only long words are broken."""
    least = list(map(_longest_word, titles))
    widths = _widest(rows, least, width)
    words = _widest(rows, least, _longest_word)
    floors = words, [min(own, _LONG_WORD_COLUMNS) for own in words]
    return next(filter(None, (_taken_in(widths, each, columns) for each in floors)), None)


def _taken_in(widths: Sequence[int], floors: Sequence[int], columns: int) -> list[int] | None:
    """Return widths that fit, taken from the widest column that can spare any; None if none can."""
    narrowed, excess = list(widths), _total(widths) - columns
    if sum(widths) - sum(floors) < excess:
        return None
    for _ in range(excess):
        spare = [own if own > floor else 0 for own, floor in zip(narrowed, floors, strict=True)]
        narrowed[spare.index(max(spare))] -= 1
    return narrowed


def _widest(
    rows: Iterable[Sequence[str]], least: Iterable[int], measure: Callable[[str], int]
) -> list[int]:
    """Return the greatest measure of each column, and no less than what is given."""
    widest = list(least)
    for row in rows:
        widest = list(map(max, widest, map(measure, row)))
    return widest


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


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
