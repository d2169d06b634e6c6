"""Long results in pieces: neither all at once nor a line at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")

_PIECE_ROWS = 500


def in_pieces(items: Iterable[Item], most_items: int = _PIECE_ROWS) -> Iterator[list[Item]]:
    """Yield so many items at a time."""
    remaining = iter(items)
    while some := list(islice(remaining, most_items)):
        yield some


def joined(texts: Iterable[str], separator: str) -> Iterator[str]:
    """Yield texts, each but the first with a separator before it."""
    before = ""
    for text in texts:
        yield before + text
        before = separator
