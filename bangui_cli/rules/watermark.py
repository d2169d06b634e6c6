"""How far fail2ban's tables have been read: pure functions of row numbers and fingerprints.

SQLite numbers new rows upwards, and gives a number anew only once the row that had the highest is gone.
So while an anchor's row is what it was, all that has come since stands behind it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

# One anchor at each power of two: rows that were deleted lately cost a second look at a few, not at all.
_STEPS = 24
# Numbers are given anew from the highest down, and rows may come back as they were (from a log that is
# read again) with another between them: so each of these has an anchor of its own.
_NEWEST_ROWS = 16
_HEXADECIMAL = 16


class Anchor(NamedTuple):
    """A row that was there, and what it held."""

    rowid: int
    fingerprint: int


Anchors = tuple[Anchor, ...]


class Mark(NamedTuple):
    """How far an instance is with its bans.

    The anchors of the two tables have the newest first. `swept` is the address up to which the history
    was searched for what nobody knows. With `owes` the search is to go to the end. `left` is the time of
    the latest ban that was left out as too old, "" for none.
    """

    bans: Anchors = ()
    bips: Anchors = ()
    swept: str = ""
    owes: bool = False
    left: str = ""


def milestones(rowids: Iterable[int]) -> Iterator[int]:
    """Yield of row numbers, the highest first, some, then the highest multiple of each power of two."""
    step = 1
    for place, rowid in enumerate(rowids):
        if place >= _NEWEST_ROWS and step >> _STEPS:
            return
        if place < _NEWEST_ROWS or rowid % step == 0:
            yield rowid
        while rowid % step == 0 and not step >> _STEPS:
            step *= 2


def holding(anchors: Sequence[Anchor], found: Mapping[int, int]) -> Anchors:
    """Return the anchors whose rows are what they were, given the fingerprints that are found there.

    Where another row stands, numbers were given anew: no anchor from there on proves anything.
    """
    held: list[Anchor] = []
    for anchor in reversed(anchors):
        fingerprint = found.get(anchor.rowid)
        if fingerprint == anchor.fingerprint:
            held.append(anchor)
        elif fingerprint is not None:
            break
    return tuple(reversed(held))


def reaching_back(mark: Mark, oldest: str) -> Mark:
    """Return where to go on from, given the oldest time that is kept: anew, where that was later."""
    return Mark(owes=mark.owes) if mark.left and mark.left >= oldest else mark


def pack(mark: Mark) -> str:
    """Make one text of a mark."""
    tables = (",".join(f"{row}:{print_:x}" for row, print_ in table) for table in (mark.bans, mark.bips))
    return ";".join((*tables, mark.swept, "owes" if mark.owes else "", mark.left))


def unpack(text: str | None) -> Mark:
    """Read what `pack` wrote; anything else is the mark of one that has read nothing."""
    try:
        bans, bips, swept, owes, left = (text or ";;;;").split(";")
        return Mark(_anchors(bans), _anchors(bips), swept, owes != "", left)
    except ValueError:
        return Mark(owes=True)


def _anchors(text: str) -> Anchors:
    pairs = (pair.split(":") for pair in text.split(",") if pair)
    return tuple(Anchor(int(rowid), int(fingerprint, _HEXADECIMAL)) for rowid, fingerprint in pairs)
