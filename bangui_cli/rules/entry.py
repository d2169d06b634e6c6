"""What is known of one address, which of two entries counts, and the form in which many wait."""

from collections.abc import Sequence
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


def beats(new: Entry, old: Entry) -> bool:
    """Tell whether `new`, staged after `old`, replaces it: the one rule of staging, flush and lookup.

    A country beats none, then the newer `resolved_at`, then the one staged last. The store spells
    the same rule in SQL; a property test holds the two together.
    """
    if (new.country_code is None) != (old.country_code is None):
        return new.country_code is not None
    return new.resolved_at >= old.resolved_at
