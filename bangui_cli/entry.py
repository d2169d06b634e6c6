"""What is known of one address, and which of two entries counts."""

from typing import NamedTuple


class Entry(NamedTuple):
    """One address in normal form, in the column order of `geo_cache_dirty`.

    Without a country code it records a failed resolution. `resolved_at` is a timestamp text.
    """

    ip: str
    country_code: str | None
    country_name: str | None
    asn: str | None
    org: str | None
    resolved_at: str


def beats(new: Entry, old: Entry) -> bool:
    """Tell whether `new`, staged after `old`, replaces it: the one rule of staging, flush and lookup.

    A country beats none, then the newer `resolved_at`, then the one staged last. The store spells
    the same rule in SQL; a property test holds the two together.
    """
    if (new.country_code is None) != (old.country_code is None):
        return new.country_code is not None
    return new.resolved_at >= old.resolved_at
