"""Read the bans of fail2ban's database in the order in which they were written, a page at a time.

fail2ban writes each ban into `bans`, where it is purged by age, and into `bips`, which keeps the latest
of each address and jail. Of `bips` only what `bans` no longer has is a ban of its own.
"""

import sqlite3
from binascii import crc32
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from bangui_cli.fail2ban.reading import Reading, open_reading
from bangui_cli.host import clocks
from bangui_cli.rules import watermark
from bangui_cli.rules.ban import Raw
from bangui_cli.rules.watermark import Anchor, Anchors, Mark

# With opening and closing it, and on a busy machine, the file is held for less than 50 ms.
_HOLD_S = 0.01
_BEFORE_ALL = -(2**63)
_MANY_ROWS, _ONE_ROW = 1_000_000, 1

# A row comes as these columns, what the log lines say, its number, and whether it is a ban of its own.
_ROWID, _IS_OWN = 6, 7


def _number(column: str) -> str:
    return f"iif(typeof({column}) IN ('integer', 'real'), {column}, NULL)"


_BANNED_AT = f"""
strftime('%Y-%m-%dT%H:%M:%S.000Z', CAST({_number("timeofban")} AS INTEGER), 'unixepoch')"""
_COLUMNS = f"""
substr(jail, 1, 200), substr(ip, 1, 64), {_BANNED_AT}, {_number("bantime")}, {_number("bancount")}"""
_FAILURES = "iif(json_valid(data), json_extract(data, '$.failures'), NULL)"
# What stands for them where one is longer than any ban has.
_TOO_LONG = ()

# Compared with the latest row of its address and jail in `bans`: to look for the very one would take
# long where that has many.
_NOT_IN_BANS = """timeofban IS NOT (
SELECT timeofban FROM bans
 WHERE bans.jail = bips.jail AND bans.ip = bips.ip ORDER BY bans.rowid DESC LIMIT 1)"""
_OWN = {"bans": "1", "bips": _NOT_IN_BANS}
# Of what is in `bans`, too, some rows are enough to go on from; the last one says that all was seen.
_SEEN = {
    "bans": "1",
    "bips": f"({_NOT_IN_BANS} OR rowid % 256 = 0 OR rowid = (SELECT max(rowid) FROM bips))",
}


def page_queries(table: str) -> tuple[tuple[str, int], ...]:
    """Return the statements for a page, and of how many rows; each for what the one before fails at.

    A row may be too long: then it is one without its log lines, or else of nothing.
    """
    own, seen = _OWN[table], _SEEN[table]
    whole = _select(table, f"{_COLUMNS}, {_FAILURES}", own, seen)
    bare = _select(table, f"{_COLUMNS}, NULL", own, seen)
    empty = _select(table, "NULL, NULL, NULL, NULL, NULL, NULL", f"'{table}' = 'bans'", "1")
    return (whole, _MANY_ROWS), (whole, _ONE_ROW), (bare, _ONE_ROW), (empty, _ONE_ROW)


def _select(table: str, columns: str, own: str, seen: str) -> str:
    return f"""
SELECT {columns}, rowid, {own} FROM {table}
 WHERE rowid > :after AND {seen} ORDER BY rowid LIMIT :rows"""


class Page(NamedTuple):
    """Bans in the order in which they were written, how far that is, and whether it is all."""

    bans: list[Raw]
    mark: Mark
    is_last: bool


def read_page(path: str, mark: Mark) -> Page:
    """Return the bans behind a mark, as many as can be read in a moment.

    The mark is judged by what is there now: the file may have been purged, replaced or made anew since.
    Raise what `open_reading` raises.
    """
    with open_reading(path) as reading:
        ends_at_s = clocks.monotonic_s() + _HOLD_S
        bans, anchors, is_last = _read_on(reading, "bans", mark.bans, ends_at_s)
        mark = mark._replace(bans=anchors)
        if is_last:
            bips, anchors, is_last = _read_on(reading, "bips", mark.bips, ends_at_s)
            mark = mark._replace(bips=anchors)
            bans += bips
    return Page([row[:_ROWID] for row in bans if row[_IS_OWN]], mark, is_last)


def _read_on(
    reading: Reading, table: str, anchors: Anchors, ends_at_s: float
) -> tuple[list[Any], Anchors, bool]:
    """Return the next rows of a table, the anchors of the last of them, and whether these are all."""
    held = watermark.holding(
        anchors, _fingerprints(reading, table, (anchor.rowid for anchor in anchors))
    )
    after = held[0].rowid if held else _BEFORE_ALL
    rows, is_last = _fetch_page(reading, table, after, ends_at_s)
    return rows, _anchors(reading, table, rows, held), is_last


def _fetch_page(reading: Reading, table: str, after: int, ends_at_s: float) -> tuple[list[Any], bool]:
    *ways, (last_query, last_rows) = page_queries(table)
    for query, rows in ways:
        try:
            found, is_last = reading.fetch_until(ends_at_s, query, {"after": after, "rows": rows})
            return found, is_last and rows == _MANY_ROWS
        except sqlite3.DataError:
            continue
    return reading.fetch_until(ends_at_s, last_query, {"after": after, "rows": last_rows})[0], False


def _anchors(reading: Reading, table: str, rows: Sequence[Any], held: Anchors) -> Anchors:
    """Return the anchors among rows and those that they stand behind, the newest first."""
    new = (row[_ROWID] for row in reversed(rows))
    chosen = watermark.milestones(chain(new, (anchor.rowid for anchor in held)))
    return tuple(Anchor(*pair) for pair in _fingerprints(reading, table, chosen).items())


def _fingerprints(reading: Reading, table: str, rowids: Iterable[int]) -> dict[int, int]:
    """Return what stands in rows, as far as they are there, the newest first."""
    numbers = list(rowids)
    query = f"""
SELECT rowid, {_COLUMNS} FROM {table}
 WHERE rowid IN ({", ".join(map(str, numbers))}) ORDER BY rowid DESC"""
    try:
        return {rowid: _fingerprint(tuple(row)) for rowid, *row in reading.fetch(query)}
    except sqlite3.DataError:
        if len(numbers) == 1:
            return {numbers[0]: _fingerprint(_TOO_LONG)}
    return dict(chain.from_iterable(_fingerprints(reading, table, [each]).items() for each in numbers))


def _fingerprint(row: tuple[Any, ...]) -> int:
    return crc32(repr(row).encode())
