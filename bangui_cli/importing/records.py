"""What the readers of all formats hand on, one record a row of the input."""

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from bangui_cli.rules.validation import Rejected

LINE_LIMIT_BYTES = 16 * 1024 * 1024
# Each takes some 60 bytes of memory, however short it is, and 200 with a name of its own: a row of
# 16 MiB could have millions. A thousand answers in one batch have the same names.
MOST_VALUES, MOST_VALUES_OF_BATCH = 10_000, 100_000

Chunks = Iterator[bytes | None]
"""Bytes as they come; None where the input pauses, so that what is pending can be committed."""

Line = str | bytes | Iterator[bytes]
"""A row as it stood in the input; parts for one that is too long to be held."""

Raw = Line | tuple[str, Line] | None
"""What is kept of a row that is refused: a line, a line with the header above it, None for its value."""

Record = tuple[int, Raw, Any]
"""Number (from 1; of the line, in a document of the element), what to keep, the value: a dict in good
rows, or a Rejected that says why there is none."""


class Alike(NamedTuple):
    """Rows of the same keys on lines that follow each other, which are made into entries together."""

    line: int
    lines: list[bytes]
    rows: list[dict[str, Any]]

    def records(self) -> Iterator[Record]:
        """Yield them one by one."""
        return zip(count(self.line), self.lines, self.rows, strict=False)


Records = Iterator[Record | Alike | None]


def too_long() -> Rejected:
    """Return the reason to refuse what would have to be held in memory."""
    return Rejected(f"longer than {LINE_LIMIT_BYTES // 1024**2} MiB")


def too_many(most: int) -> Rejected:
    """Return the reason to refuse what would take much more memory than it is long."""
    return Rejected(f"more than {most:,} values")


def not_utf8() -> Rejected:
    """Return the reason to refuse bytes in another encoding."""
    return Rejected("not UTF-8 (if it is Latin-1: iconv -f LATIN1 -t UTF-8)")


def not_json(error: Exception) -> Rejected:
    """Return the reason to refuse what the JSON parser refused, without quoting the input."""
    if isinstance(error, RecursionError):
        return Rejected("not JSON: nested too deeply")
    message, column = getattr(error, "msg", "a number is too long"), getattr(error, "colno", None)
    return Rejected(f"not JSON: {message}" + (f" (column {column})" if column else ""))
