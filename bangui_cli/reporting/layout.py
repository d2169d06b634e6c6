"""Lay a report out: as a table, with bars for a person, or as CSV."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from bangui_cli.host import terminal
from bangui_cli.reporting.summary import ADDRESS, AddressRow, Report, Row
from bangui_cli.rules import spreadsheets
from bangui_cli.rules.rereading import Rereadable
from bangui_cli.telling import output, readable
from bangui_cli.telling.pieces import in_pieces, joined

_HEADINGS = {"asn": "ASN", "org": "organisation", "ip": "address"}
# Their keys have names.
_NAMED = ("country", "asn")
_ADDRESS_COLUMNS = ("country_code", "asn", "org", "first_at", "last_at")
_LONGEST_BAR, _SHORTEST_BAR = 24, 6
# So many columns the numbers and some of the names want; bars share the rest with longer names.
_WITHOUT_BARS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_BEYOND = "▶"


def table_rows(report: Report, columns: int | None) -> Rereadable[dict[str, object]]:
    """Return the rows of a table; on a terminal of so many columns each has a bar, if there is room."""
    total = Row("(total)", None, report.total, float(report.total > 0))
    below = [*_nameless_rows(report, "(other)", "(unknown)"), total]
    digits, bar = len(f"{report.total:,}"), _bars(report, total, columns)

    def lay_out(row: Row) -> dict[str, object]:
        return {
            _HEADINGS.get(report.by, report.by): row.key,
            "count": f"{row.count:>{digits},}",
            "share": f"{row.share:6.1%}",
            **bar(row),
            **_told_besides(report, row),
        }

    return Rereadable(lambda: map(lay_out, chain(report.rows, below)))


def _told_besides(report: Report, row: Row) -> dict[str, object]:
    if report.by in _NAMED:
        return {"name": row.name}
    if report.by != ADDRESS:
        return {}
    country, asn, org, *moments = _of_address(row)
    first, last = (moment and readable.short_moment(moment) for moment in moments)
    return {"country": country, "ASN": asn, "organisation": org, "first ban": first, "last ban": last}


def _of_address(row: Row) -> list[str | None]:
    """Return what is told of an address besides its name; of the rest nothing."""
    if not isinstance(row, AddressRow):
        return [None] * len(_ADDRESS_COLUMNS)
    return [row.country_code, row.asn, row.org, row.first_at, row.last_at]


def json_texts(report: Report) -> Iterator[str]:
    """Yield the pieces of the object that --format json prints."""
    rows = (row.as_json() for row in report.rows)
    return output.json_texts(report.counts_as_json(), "rows", rows)


def csv_texts(report: Report) -> Iterator[str]:
    """Yield the pieces of a table with every text quoted; the other and the unknown have no key."""
    return csv_pieces(_csv_rows(report))


def _csv_rows(report: Report) -> Iterator[Sequence[object]]:
    besides = _ADDRESS_COLUMNS if report.by == ADDRESS else ()
    yield "key", "name", "count", "share", *besides
    for row in report.rows:
        more = _of_address(row) if besides else ()
        yield csv_cell(row.key), csv_cell(row.name), row.count, row.share, *map(csv_cell, more)
    for row in _nameless_rows(report, "other", "unknown"):
        yield "", row.key, row.count, row.share, *[""] * len(besides)


def csv_pieces(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the pieces of a CSV text without its last newline, every text quoted."""
    return joined(map(_csv_lines, in_pieces(rows)), "\n")


def _csv_lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue().removesuffix("\n")


def _nameless_rows(report: Report, other: str, unknown: str) -> Iterator[Row]:
    for label, count in ((other, report.other), (unknown, report.unknown)):
        if count:
            yield Row(label, None, count, round(count / report.total, 4))


def _bars(report: Report, total: Row, columns: int | None) -> Callable[[Row], dict[str, object]]:
    """Return what makes the cell with the bar of a row; what is unknown does not set the scale."""
    length = min(_LONGEST_BAR, ((columns or 0) - _WITHOUT_BARS) // 2)
    if length < _SHORTEST_BAR:
        return lambda _: {}
    scale = max(chain([report.other], (row.count for row in report.rows))) or report.unknown
    return lambda row: {" " * length: " " if row is total else _bar(row.count, scale, length)}


def _bar(count: int, scale: int, length: int) -> str:
    if count > scale:
        return "█" * (length - 1) + _BEYOND
    whole, eighths = divmod(round(8 * length * count / scale), 8)
    return ("█" * whole + _EIGHTHS[eighths]).rstrip() or "▏"


def csv_cell(text: str | None) -> str:
    """Return a text from outside for a spreadsheet, which obeys nothing of it."""
    # What is shown of a tab or a line break no longer tells that a cell began with it, or behind it.
    return terminal.safe(spreadsheets.defuse(text or ""))
