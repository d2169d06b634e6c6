"""What is known of one address, what counts of two entries, and the form in which many wait."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bangui_cli.rules import timestamps

# A time that is further ahead was written while the clock was wrong.
FUTURE_LIMIT_S = 86400.0

# What stands where there is no country, and what has two codes.
NO_COUNTRY = ("", "-", "XX", "ZZ")
SAME_COUNTRY = {"UK": "GB"}


class Entry(NamedTuple):
    """One address in normal form, in the column order of `geo_cache_dirty`.

    It has two halves, the country (code and name) and the network (ASN and organisation). One without
    a country code records a failed resolution. `resolved_at` is a timestamp text.
    """

    ip: str
    country_code: str | None
    country_name: str | None
    asn: str | None
    org: str | None
    resolved_at: str

    @property
    def knows_country(self) -> bool:
        """Tell whether there is a country."""
        return self.country_code is not None

    @property
    def knows_network(self) -> bool:
        """Tell whether there is an ASN or an organisation."""
        return self.asn is not None or self.org is not None

    @property
    def knows_anything(self) -> bool:
        """Tell whether it is more than a failed resolution."""
        return self.knows_country or self.knows_network


# Validation leaves no control character in any field.
SEPARATOR = "\x1f"


def pack(entry: Entry) -> str:
    """Make one text of an entry: less than half of the memory, and no work for the garbage collector."""
    return SEPARATOR.join([field or "" for field in entry])


def packed_ip(packed: str) -> str:
    """Return the address of a packed entry."""
    return packed[: packed.index(SEPARATOR)]


def flatten(packed: Sequence[str]) -> Sequence[str | None]:
    """Return the fields of packed entries, one behind the other."""
    fields = SEPARATOR.join(packed).split(SEPARATOR)
    return [field or None for field in fields] if "" in fields else fields


def known_country(code: str | None) -> str | None:
    """Return a country code in upper case, None for those that stand for no country."""
    upper = (code or "").upper()
    return None if upper in NO_COUNTRY else SAME_COUNTRY.get(upper, upper)


def latest_believable(now_s: float) -> str:
    """Return the timestamp text up to which a time is not of the future; `now_s` is the wall clock."""
    return timestamps.to_text(now_s + FUTURE_LIMIT_S)


def merge(new: Entry, old: Entry, latest: str) -> Entry:
    """Return what counts of two entries of one address: the one rule of staging, flush and lookup.

    Each half by itself: known beats unknown, then a time up to `latest` one of the future, then the
    newer time, then `new`, which was staged after `old`. A half's time is its entry's; what comes of
    it has the newer time of its two halves. The store spells the same rule in SQL; a property test
    holds the two together.
    """
    country = _winner(new, old, new.knows_country, old.knows_country, latest)
    network = _winner(new, old, new.knows_network, old.knows_network, latest)
    time = max(country.resolved_at, network.resolved_at)
    return Entry(new.ip, country.country_code, country.country_name, network.asn, network.org, time)


def merge_all(entries: Iterable[Entry], latest: str) -> dict[str, Entry]:
    """Return what counts for each address once entries have come in their order."""
    merged: dict[str, Entry] = {}
    for entry in entries:
        old = merged.get(entry.ip)
        merged[entry.ip] = merge(entry, old, latest) if old else entry
    return merged


def _winner(new: Entry, old: Entry, new_knows: bool, old_knows: bool, latest: str) -> Entry:
    new_rank = (new_knows, new.resolved_at <= latest, new.resolved_at)
    old_rank = (old_knows, old.resolved_at <= latest, old.resolved_at)
    return new if new_rank >= old_rank else old
