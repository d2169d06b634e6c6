"""Tell what an MMDB record says of an address, by its shape: every vendor has another layout."""

from functools import lru_cache
from typing import Any, NamedTuple

from bangui_cli.rules.validation import (
    Rejected,
    clean_text,
    normalise_asn,
    normalise_country,
    normalise_country_code,
)


class Facts(NamedTuple):
    """What files say of one address. Either half may be missing."""

    country_code: str | None = None
    country_name: str | None = None
    asn: str | None = None
    org: str | None = None

    def completed_by(self, other: "Facts") -> "Facts":
        """Return these facts, a half that is missing taken from `other`.

        A code and a name of different files could contradict each other: each half stays whole.
        """
        country = self if self.country_code else other
        network = self if self.asn or self.org else other
        return Facts(country.country_code, country.country_name, network.asn, network.org)


def extract(record: Any) -> tuple[Any, Any, Any, Any]:
    """Pick code, name, ASN and organisation out of a record, unchecked; None for what it lacks."""
    if not isinstance(record, dict):
        return None, None, None, None
    code, name = _extract_country(record)
    asn = record.get("autonomous_system_number", record.get("asn"))
    org = record.get("autonomous_system_organization", record.get("as_name"))
    return _scalar(code), _scalar(name), _scalar(asn), _scalar(org)


def _extract_country(record: dict[str, Any]) -> tuple[Any, Any]:
    country, code = record.get("country"), record.get("country_code")
    if isinstance(country, dict):  # MaxMind, DB-IP
        names = country.get("names")
        return country.get("iso_code"), names.get("en") if isinstance(names, dict) else None
    if code is None:  # IPinfo before "Lite": the code is called country
        return country, record.get("country_name")
    return code, record.get("country_name", country)  # IPinfo Lite, or the code alone


def _scalar(value: Any) -> Any:
    return value if type(value) in (str, int) else None


# Millions of addresses share some ten thousand networks.
@lru_cache(maxsize=65_536)
def normalise(code: Any, name: Any, asn: Any, org: Any) -> Facts:
    """Bring what `extract` found into normal form; what is malformed counts as missing."""
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
