"""Lay bans out one by one: as a table, for JSON, or as CSV."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from bangui_cli.reporting.layout import csv_cell, csv_pieces
from bangui_cli.rules import durations
from bangui_cli.rules.countries import short_name
from bangui_cli.store.bans import Ban
from bangui_cli.telling import readable

_PERMANENT_S = -1


def with_name(ban: Ban) -> Ban:
    """Return a ban whose country has a name if ISO 3166 knows one."""
    name = ban.country_name or short_name(ban.country_code or "")
    return ban._replace(country_name=name if ban.country_code else None)


def without_origin(ban: Ban) -> dict[str, Any]:
    """Return the row of a table that tells when, whom, where, how long and how often."""
    return {
        "banned at": readable.short_moment(ban.banned_at),
        "address": ban.ip,
        "jail": ban.jail,
        "instance": ban.instance,
        "for": _duration(ban.bantime_s),
        "times": f"{ban.bancount:,}",
    }


def with_origin(ban: Ban) -> dict[str, Any]:
    """Return the row of a table that tells the origin, too."""
    return without_origin(ban) | {"country": ban.country_code, "ASN": ban.asn, "org": ban.org}


def csv_texts(bans: Iterable[Ban]) -> Iterator[str]:
    """Yield the pieces of bans as CSV, every text quoted."""
    rows = (list(map(_cell, ban)) for ban in bans)
    return csv_pieces(chain([Ban._fields], rows))


def _cell(value: str | int | None) -> str | int:
    return value if isinstance(value, int) else csv_cell(value)


def _duration(bantime_s: int) -> str | None:
    """Say how long a ban is; fail2ban itself does not know of some."""
    if bantime_s >= 0:
        return durations.approximate(bantime_s)
    return "ever" if bantime_s == _PERMANENT_S else None
