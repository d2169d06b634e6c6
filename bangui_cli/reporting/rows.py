"""Rows of a table for another program: JSON Lines, or CSV that a spreadsheet may open."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bangui_cli.rules import spreadsheets
from bangui_cli.telling.pieces import in_pieces

Row = Sequence[str | int | None]
Layout = Callable[[Sequence[str], Iterable[Row]], Iterator[bytes]]


def json_lines(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield pieces with an object a line."""
    import orjson  # 1,000,000 rows in a fifth of the time

    for some in in_pieces(rows):
        yield b"".join(orjson.dumps(dict(zip(columns, row, strict=True))) + b"\n" for row in some)


def csv_lines(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield pieces with a row a line below a header; each text is quoted, and defused."""
    yield _csv_text([columns])
    for some in in_pieces(rows):
        yield _csv_text(map(_defused, some))


LAYOUTS: dict[str, Layout] = {"jsonl": json_lines, "csv": csv_lines}


def _csv_text(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _defused(row: Row) -> list[Any]:
    return [spreadsheets.defuse(value) if isinstance(value, str) else value for value in row]
