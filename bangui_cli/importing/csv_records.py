"""CSV with a header, in which a stray quote costs its own line and not all that follow."""

import csv
from collections.abc import Iterator
from typing import Any, NamedTuple

from bangui_cli.importing import lines
from bangui_cli.importing.records import LINE_LIMIT_BYTES, Chunks, Record, Records, not_utf8, too_long
from bangui_cli.rules import spreadsheets
from bangui_cli.rules.layouts import is_address
from bangui_cli.rules.validation import Rejected, normalise_ip

MOST_COLUMNS = 10_000
_DELIMITERS = (",", ";", "\t")
# A quoted field with line breaks is a few lines long; behind a stray quote this is all that waits.
_MOST_LINES = 100


class Header(NamedTuple):
    """The line, its columns, which of them is the address, and what stands between them."""

    text: str
    delimiter: str
    columns: tuple[str, ...]
    address: int


def find_header(text: str) -> Header | None:
    """Read a line as a header; None where it names no address."""
    for delimiter in _DELIMITERS:
        try:
            columns = tuple(column.strip() for column in _split(text.strip(), delimiter))
        except csv.Error:
            continue
        for index, column in enumerate(columns):
            if is_address(column):
                return Header(text, delimiter, columns, index)
    return None


def read(chunks: Chunks) -> Records:
    """Yield a record for each row below the header; a line above it is refused."""
    csv.field_size_limit(LINE_LIMIT_BYTES)
    rows = _Rows()
    for block in lines.read_blocks(chunks):
        if block is None:
            yield None
        elif isinstance(block, lines.Overlong):
            yield from rows.give_up()
            yield rows.refuse(block.line, block.parts, too_long())
        else:
            for line, data in enumerate(block.data.split(b"\n"), block.line):
                yield from rows.read_line(line, data)
    yield from rows.give_up()


class _Rows:
    """Puts the lines of a record together."""

    def __init__(self) -> None:
        self._header: Header | None = None
        self._held: list[tuple[int, str]] = []
        self._held_characters = 0

    def read_line(self, line: int, data: bytes) -> Iterator[Record]:
        """Yield what the line completes."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            yield from self.give_up()
            yield self.refuse(line, data, not_utf8())
            return
        if self._header is None:
            yield from self._read_header(line, text)
        elif self._held:
            yield from self._go_on(line, text)
        elif '"' not in text:
            if text and not text.isspace():
                yield line, (self._header.text, text), self._read_plain(text.removesuffix("\r"))
        else:
            yield from self._begin(line, text)

    def give_up(self) -> Iterator[Record]:
        """Refuse the line that opened a quote, and read those behind it each for itself."""
        while self._held:
            (line, text), *rest = self._held
            self._held, self._held_characters = [], 0
            yield self.refuse(line, text, Rejected("a quote is not closed"))
            for next_line, next_text in rest:
                yield from self.read_line(next_line, next_text.encode())

    def refuse(self, line: int, raw: Any, reason: Rejected) -> Record:
        """Make the record of a row that cannot be read."""
        return line, raw if self._header is None else (self._header.text, raw), reason

    def _read_header(self, line: int, text: str) -> Iterator[Record]:
        self._header = find_header(text)
        if self._header is None and text and not text.isspace():
            yield line, text, Rejected("no header that names the address (ip or query) before this line")

    def _begin(self, line: int, text: str) -> Iterator[Record]:
        if text.count('"') % 2:
            self._hold(line, text)
        else:
            yield line, self._kept(text), self._parse(text)

    def _go_on(self, line: int, text: str) -> Iterator[Record]:
        """Add a line to the record that is open, unless it is plainly a row of its own."""
        self._hold(line, text)
        if self._holds_too_much() or self._is_row(text):
            yield from self.give_up()
        elif text.count('"') % 2:
            whole = "\n".join(text for _, text in self._held)
            row = self._parse(whole)
            if isinstance(row, Rejected):
                yield from self.give_up()
            else:
                line, self._held, self._held_characters = self._held[0][0], [], 0
                yield line, self._kept(whole), row

    def _hold(self, line: int, text: str) -> None:
        self._held.append((line, text))
        self._held_characters += len(text)

    def _holds_too_much(self) -> bool:
        return len(self._held) > _MOST_LINES or self._held_characters > LINE_LIMIT_BYTES

    def _kept(self, text: str) -> tuple[str, str]:
        assert self._header is not None
        return self._header.text, text

    def _is_row(self, text: str) -> bool:
        if self._header is None or text.count('"') % 2:
            return False
        row = self._parse(text)
        if isinstance(row, Rejected):
            return False
        try:
            normalise_ip(row[self._header.columns[self._header.address]])
        except Rejected:
            return False
        return True

    def _parse(self, text: str) -> dict[str, str] | Rejected:
        assert self._header is not None
        try:
            values = _restored(text, _split(text.removesuffix("\r"), self._header.delimiter))
        except csv.Error as error:
            return Rejected(f"not CSV: {error}")
        return self._row(values, len(values))

    def _read_plain(self, text: str) -> dict[str, str] | Rejected:
        """Read a line without quotes."""
        assert self._header is not None
        found = text.count(self._header.delimiter) + 1
        # Of a line of delimiters no list is made: each of its values would take eight times as much.
        values = text.split(self._header.delimiter) if found == len(self._header.columns) else []
        return self._row(_restored(text, values), found)

    def _row(self, values: list[str], found: int) -> dict[str, str] | Rejected:
        assert self._header is not None
        columns = self._header.columns
        if found != len(columns):
            return Rejected(f"{found:,} fields where the header has {len(columns):,}")
        return dict(zip(columns, values, strict=True))


def _restored(text: str, values: list[str]) -> list[str]:
    """Take off the apostrophes that kept a spreadsheet from running a cell."""
    return list(map(spreadsheets.restore, values)) if "'" in text else values


def _split(text: str, delimiter: str) -> list[str]:
    """Return the fields of one record, which may have line breaks within quotes. Raise csv.Error."""
    if text.count(delimiter) >= MOST_COLUMNS:
        raise csv.Error(f"more than {MOST_COLUMNS:,} columns")
    rows = list(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True))
    return rows[0] if rows else []
