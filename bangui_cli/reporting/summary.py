"""Count addresses or bans by a key: pure functions of what was read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from bangui_cli.rules import local_times
from bangui_cli.rules.entry import Entry
from bangui_cli.rules.rereading import Rereadable
from bangui_cli.store.bans import ORIGINS, SOURCES, BannedAddress, Counted

COUNTRY, ADDRESS = "country", "ip"
# What bans alone are counted by.
BAN_KEYS = (*SOURCES, ADDRESS, *local_times.UNITS)
KEYS = (*ORIGINS, *BAN_KEYS)


@dataclass(frozen=True, slots=True)
class Row:
    """One key. `share` is of the total, the unknown included."""

    key: str
    name: str | None
    count: int
    share: float

    def as_json(self) -> dict[str, Any]:
        """Return its object; asdict() would copy each value, which takes longer than to count them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class AddressRow(Row):
    """One address, or network, and when its first and its last ban came; its name is its country's."""

    country_code: str | None
    asn: str | None
    org: str | None
    first_at: str | None
    last_at: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was counted; `rows`, `other` (below the top) and `unknown` add up to `total`.

    Rows may be too many for the memory; they can be gone through again.
    `countries` are those that have some, by country alone: a code that ISO 3166 does not know is none.
    """

    by: str
    total: int
    unknown: int
    other: int
    rows: Iterable[Row]
    countries: int | None = None

    def counts_as_json(self) -> dict[str, Any]:
        """Return the object without its rows."""
        counted = {"by": self.by, "total": self.total, "unknown": self.unknown, "other": self.other}
        return counted if self.countries is None else {**counted, "countries": self.countries}


def describe(entry: Entry | None, by: str) -> tuple[str | None, str | None]:
    """Return the key and the name that an address counts for; no key is unknown."""
    if entry is None:
        return None, None
    keys = {
        "country": (entry.country_code, entry.country_name),
        "asn": (entry.asn, entry.org),
        "org": (entry.org, None),
    }
    key, name = keys[by]
    return key or None, name


def summarise(by: str, counted: Iterable[Counted], top: int | None) -> Report:
    """Add up what was counted, the most frequent key first; only the `top` ones get a row.

    A key has the name that was most often seen with it.
    """
    counts: dict[str | None, int] = {}
    names: dict[str | None, dict[str, int]] = {}
    for key, name, count in counted:
        counts[key] = counts.get(key, 0) + count
        if name:
            seen = names.setdefault(key, {})
            seen[name] = seen.get(name, 0) + count
    total, unknown = sum(counts.values()), counts.pop(None, 0)
    ranked = _ranked(counts)
    rows = [
        Row(key, _usual(names.get(key)) or _iso_name(key, by), count, share(count, total))
        for key, count in ranked[:top]
    ]
    countries = count_countries(key for key, _ in ranked) if by == COUNTRY else None
    return _report(by, total, unknown, rows, countries)


def summarise_addresses(counted: Iterable[BannedAddress], total: int, unknown: int = 0) -> Report:
    """Lay out the most frequent addresses, in their order, of so many bans or more; `unknown` have none.

    They are gone through whenever the rows are.
    """
    shown = sum(one.bans for one in counted)
    total = max(total, unknown + shown)
    rows = Rereadable(lambda: (_address_row(one, total) for one in counted))
    return Report(ADDRESS, total, unknown, total - unknown - shown, rows)


def _address_row(one: BannedAddress, total: int) -> Row:
    return AddressRow(
        one.ip,
        one.country_name or _iso_name(one.country_code, COUNTRY),
        one.bans,
        share(one.bans, total),
        one.country_code,
        one.asn,
        one.org,
        one.first_at,
        one.last_at,
    )


def summarise_times(
    unit: str, counted: Mapping[str | None, int], keys: Iterable[str], top: int | None
) -> Report:
    """Lay out what was counted in the order of time, zeros included, or of that the most frequent."""
    counts: dict[str | None, int] = {**dict.fromkeys(keys, 0), **counted}
    total, unknown = sum(counts.values()), counts.pop(None, 0)
    shown = sorted(
        _ranked(counts)[:top] if top else ((str(key), count) for key, count in counts.items())
    )
    rows = [Row(key, None, count, share(count, total)) for key, count in shown]
    return _report(unit, total, unknown, rows)


def share(count: int, total: int) -> float:
    """Return the part of a total, 0 of none."""
    return round(count / total, 4) if total else 0.0


def count_countries(codes: Iterable[str | None]) -> int:
    """Count what ISO 3166 knows, and Kosovo."""
    from bangui_cli.rules.countries import short_name

    return sum(code is not None and short_name(code) is not None for code in codes)


def _report(by: str, total: int, unknown: int, rows: list[Row], countries: int | None = None) -> Report:
    other = total - unknown - sum(row.count for row in rows)
    return Report(by, total, unknown, other, rows, countries)


def _ranked(counts: Mapping[Any, int]) -> list[tuple[str, int]]:
    return sorted(
        ((key, count) for key, count in counts.items() if count), key=lambda item: (-item[1], item[0])
    )


def _usual(names: Mapping[str, int] | None) -> str | None:
    return max(names, key=lambda name: (names[name], name)) if names else None


def _iso_name(key: str | None, by: str) -> str | None:
    """Return the name of a key that none of its addresses has a name for."""
    if by != COUNTRY or key is None:
        return None
    from bangui_cli.rules.countries import short_name

    return short_name(key)
