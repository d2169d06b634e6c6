"""Lay a report out: as a table, with bars for a person, or as CSV."""

import csv
import io
from collections.abc import Iterator

from bangui_cli.host import terminal
from bangui_cli.reporting.summary import ADDRESS, AddressRow, Report, Row
from bangui_cli.rules import spreadsheets
from bangui_cli.telling import readable

_HEADINGS = {"asn": "ASN", "org": "organisation", "ip": "address"}
# Their keys have names.
_NAMED = ("country", "asn")
_ADDRESS_COLUMNS = ("country_code", "asn", "org", "first_at", "last_at")
_LONGEST_BAR, _SHORTEST_BAR = 24, 6
# So many columns the numbers and some of the names want; bars share the rest with longer names.
_WITHOUT_BARS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_BEYOND = "▶"


def table_rows(report: Report, columns: int | None) -> list[dict[str, object]]:
    """Return the rows of a table; on a terminal of so many columns each has a bar, if there is room."""
    rows = [*report.rows, *_nameless_rows(report, "(other)", "(unknown)"), _total_row(report)]
    digits, bars = len(f"{report.total:,}"), _bars(report, rows, columns)
    return [
        {
            _HEADINGS.get(report.by, report.by): row.key,
            "count": f"{row.count:>{digits},}",
            "share": f"{row.share:6.1%}",
            **bar,
            **_told_besides(report, row),
        }
        for row, bar in zip(rows, bars, strict=True)
    ]


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


def csv_text(report: Report) -> str:
    """Return the rows as CSV, every text quoted; the other and the unknown come last and have no key."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    besides = _ADDRESS_COLUMNS if report.by == ADDRESS else ()
    writer.writerow(("key", "name", "count", "share", *besides))
    for row in report.rows:
        more = _of_address(row) if besides else ()
        writer.writerow(
            (csv_cell(row.key), csv_cell(row.name), row.count, row.share, *map(csv_cell, more))
        )
    for row in _nameless_rows(report, "other", "unknown"):
        writer.writerow(("", row.key, row.count, row.share, *[""] * len(besides)))
    return text.getvalue().removesuffix("\n")


def _nameless_rows(report: Report, other: str, unknown: str) -> Iterator[Row]:
    for label, count in ((other, report.other), (unknown, report.unknown)):
        if count:
            yield Row(label, None, count, round(count / report.total, 4))


def _total_row(report: Report) -> Row:
    return Row("(total)", None, report.total, float(report.total > 0))


def _bars(report: Report, rows: list[Row], columns: int | None) -> list[dict[str, object]]:
    """Return a cell with a bar for each row but the total; what is unknown does not set the scale."""
    length = min(_LONGEST_BAR, ((columns or 0) - _WITHOUT_BARS) // 2)
    if length < _SHORTEST_BAR:
        return [{}] * len(rows)
    scale = max([report.other, *(row.count for row in report.rows)]) or report.unknown
    bars = [_bar(row.count, scale, length) for row in rows[:-1]]
    return [{" " * length: bar} for bar in [*bars, " "]]


def _bar(count: int, scale: int, length: int) -> str:
    if count > scale:
        return "█" * (length - 1) + _BEYOND
    whole, eighths = divmod(round(8 * length * count / scale), 8)
    return ("█" * whole + _EIGHTHS[eighths]).rstrip() or "▏"


def csv_cell(text: str | None) -> str:
    """Return a text from outside for a spreadsheet, which obeys nothing of it."""
    return spreadsheets.defuse(terminal.safe(text or ""))
