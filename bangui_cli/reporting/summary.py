"""Count addresses or bans by country, ASN or organisation: pure functions of what was read."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from bangui_cli.rules.entry import Entry

KEYS = ("country", "asn", "org")


@dataclass(frozen=True, slots=True)
class Row:
    """One country, ASN or organisation. `share` is of the total, the unknown included."""

    key: str
    name: str | None
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Report:
    """Where addresses come from; `rows`, `other` (below the top) and `unknown` add up to `total`."""

    by: str
    total: int
    unknown: int
    other: int
    rows: list[Row]

    def as_json(self) -> dict[str, Any]:
        """Return the object that --format json prints."""
        return asdict(self)


Counted = tuple[str | None, str | None, int]


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
    """Add up what was counted, the most frequent key first; only the `top` ones get a row."""
    names: dict[str | None, str | None] = {}
    counts: dict[str | None, int] = {}
    for key, name, count in counted:
        names[key] = max(names.get(key) or "", name or "") or None
        counts[key] = counts.get(key, 0) + count
    total, unknown = sum(counts.values()), counts.pop(None, 0)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        Row(str(key), names[key] or _name(key, by), count, round(count / total, 4))
        for key, count in ranked[:top]
        if count
    ]
    other = total - unknown - sum(row.count for row in rows)
    return Report(by, total, unknown, other, rows)


def _name(key: str | None, by: str) -> str | None:
    """Return the name of a key that none of its addresses has a name for."""
    if by != "country" or key is None:
        return None
    from bangui_cli.rules.countries import short_name

    return short_name(key)
