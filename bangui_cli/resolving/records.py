"""Tell what an MMDB record says of an address, by its shape: every vendor has another layout."""

from typing import Any, NamedTuple

from bangui_cli.rules import extraction
from bangui_cli.rules.layouts import names_in
from bangui_cli.rules.memory import Memory
from bangui_cli.rules.validation import (
    Rejected,
    clean_text,
    normalise_asn,
    normalise_country,
    normalise_country_code,
)

# A text of 16 MB, which a file may hold, has nothing to say that its beginning does not.
_LONGEST_TEXT = 2000

Picked = tuple[Any, Any, Any, Any]
"""Code, name, ASN and organisation as a record has them."""


class Facts(NamedTuple):
    """What files say of one address. Either half may be missing."""

    country_code: str | None = None
    country_name: str | None = None
    asn: str | None = None
    org: str | None = None

    @property
    def has_network(self) -> bool:
        """Tell whether anything is said of the network."""
        return bool(self.asn or self.org)

    def completed_by(self, other: "Facts") -> "Facts":
        """Return these facts, a half that is missing taken from `other`.

        A code and a name of different files could contradict each other: each half stays whole.
        """
        country = self if self.country_code else other
        network = self if self.has_network else other
        return Facts(country.country_code, country.country_name, network.asn, network.org)


def extract(record: Any, *, registered: bool = False) -> Picked:
    """Pick code, name, ASN and organisation out of a record, unchecked; None for what it lacks.

    With `registered`, a record without a country counts for the one where its network is registered.
    """
    if not isinstance(record, dict):
        return None, None, None, None
    names = names_in(record)
    code, name = extraction.place(record, names)
    asn, org = extraction.network(record, names)
    if registered and code is None:
        elsewhere = {"country": record.get("registered_country")}
        code, name = extraction.place(elsewhere, names_in(elsewhere))
    return _scalar(code), _scalar(name), _scalar(asn), _scalar(org)


def _scalar(value: Any) -> Any:
    if type(value) is str:
        return value[:_LONGEST_TEXT]
    return value if type(value) is int else None


# Millions of addresses share some ten thousand networks.
_normalised: Memory[Picked, Facts] = Memory(30_000_000)


def normalise(*picked: *Picked) -> Facts:
    """Bring what `extract` found into normal form; what is malformed counts as missing."""
    facts = _normalised.get(picked)
    if facts is None:
        facts = _normalise(*picked)
        _normalised.keep(picked, facts)
    return facts


def _normalise(code: Any, name: Any, asn: Any, org: Any) -> Facts:
    country_code = _or_none(normalise_country_code, code)
    country_name = _or_none(clean_text, name)
    return Facts(
        *(normalise_country(country_code, country_name) if country_code else (None, None)),
        _or_none(normalise_asn, asn),
        _or_none(clean_text, org),
    )


def _or_none(normalise_value: Any, value: Any) -> Any:
    try:
        return normalise_value(value)
    except Rejected:
        return None
