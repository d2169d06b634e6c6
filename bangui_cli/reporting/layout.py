"""Lay a report out: as a table, with bars for a person, or as CSV."""

import csv
import io
from collections.abc import Iterator

from bangui_cli.host import terminal
from bangui_cli.reporting.summary import Report, Row

_HEADINGS = {"country": "country", "asn": "ASN", "org": "organisation"}
_BAR_CHARACTERS = 24
_KEY_CHARACTERS = 32
_EIGHTHS = " ▏▎▍▌▋▊▉"
# A spreadsheet takes a text that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@")


def table_rows(report: Report, *, for_person: bool) -> list[dict[str, object]]:
    """Return the rows of a table; for a person each has a bar, and a long key is cut."""
    rows = [*report.rows, *_nameless_rows(report, "(other)", "(unknown)"), _total_row(report)]
    largest = max((row.count for row in rows[:-1]), default=0)
    digits = len(f"{report.total:,}")
    return [
        {
            _HEADINGS[report.by]: _clip(row.key) if for_person else row.key,
            "count": f"{row.count:>{digits},}",
            "share": f"{row.share:6.1%}",
            **({" " * _BAR_CHARACTERS: _bar(row.count, largest)} if for_person else {}),
            **({} if report.by == "org" else {"name": row.name}),
        }
        for row in rows
    ]


def csv_text(report: Report) -> str:
    """Return the rows as CSV; the other and the unknown come last and have no key."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("key", "name", "count", "share"))
    for row in report.rows:
        writer.writerow((_csv_cell(row.key), _csv_cell(row.name or ""), row.count, row.share))
    for row in _nameless_rows(report, "other", "unknown"):
        writer.writerow(("", row.key, row.count, row.share))
    return text.getvalue().removesuffix("\n")


def _nameless_rows(report: Report, other: str, unknown: str) -> Iterator[Row]:
    for label, count in ((other, report.other), (unknown, report.unknown)):
        if count:
            yield Row(label, None, count, round(count / report.total, 4))


def _total_row(report: Report) -> Row:
    return Row("(total)", None, report.total, float(report.total > 0))


def _bar(count: int, largest: int) -> str:
    if count > largest:
        return " "
    whole, eighths = divmod(round(8 * _BAR_CHARACTERS * count / max(largest, 1)), 8)
    return ("█" * whole + _EIGHTHS[eighths]).rstrip() or "▏"


def _clip(key: str) -> str:
    return key if len(key) <= _KEY_CHARACTERS else key[: _KEY_CHARACTERS - 1] + "…"


def _csv_cell(text: str) -> str:
    shown = terminal.safe(text)
    return f"'{shown}" if shown.startswith(_FORMULA_STARTS) else shown
