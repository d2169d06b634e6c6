"""Lay bans out one by one: as a table, for JSON, or as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from bangui_cli.reporting.layout import csv_cell
from bangui_cli.rules import durations
from bangui_cli.rules.countries import short_name
from bangui_cli.store.bans import Ban
from bangui_cli.telling import readable

_PERMANENT_S = -1


def with_name(ban: Ban) -> Ban:
    """Return a ban whose country has a name if ISO 3166 knows one."""
    name = ban.country_name or short_name(ban.country_code or "")
    return ban._replace(country_name=name if ban.country_code else None)


def without_origin(bans: Iterable[Ban]) -> list[dict[str, Any]]:
    """Return the rows of a table that tells when, whom, where, how long and how often."""
    return [
        {
            "banned at": readable.short_moment(ban.banned_at),
            "address": ban.ip,
            "jail": ban.jail,
            "instance": ban.instance,
            "for": _duration(ban.bantime_s),
            "times": f"{ban.bancount:,}",
        }
        for ban in bans
    ]


def table_rows(bans: Sequence[Ban]) -> list[dict[str, Any]]:
    """Return the rows of a table that tells the origins, too."""
    return [
        row | {"country": ban.country_code, "ASN": ban.asn, "org": ban.org}
        for row, ban in zip(without_origin(bans), bans, strict=True)
    ]


def csv_text(bans: Sequence[Ban]) -> str:
    """Return bans as CSV, every text quoted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(Ban._fields)
    writer.writerows(map(_cell, ban) for ban in bans)
    return text.getvalue().removesuffix("\n")


def _cell(value: str | int | None) -> str | int:
    return value if isinstance(value, int) else csv_cell(value)


def _duration(bantime_s: int) -> str | None:
    """Say how long a ban is; fail2ban itself does not know of some."""
    if bantime_s >= 0:
        return durations.approximate(bantime_s)
    return "ever" if bantime_s == _PERMANENT_S else None
