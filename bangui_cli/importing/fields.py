"""What ip-api.com, ipinfo.io, MaxMind and this tool itself call the parts of an entry.

Names are compared in lower case; a dot leads into an object: `country.iso_code`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bangui_cli.rules.validation import Rejected


class Names(NamedTuple):
    """The names of each part of an entry, the better ones first."""

    address: tuple[str, ...]
    code: tuple[str, ...]
    country: tuple[str, ...]
    country_name: tuple[str, ...]
    asn: tuple[str, ...]
    as_text: tuple[str, ...]
    org: tuple[str, ...]
    time: tuple[str, ...]
    status: tuple[str, ...]

    @property
    def place(self) -> tuple[str, ...]:
        """Return all that country code and name depend on."""
        return self.code + self.country + self.country_name + self.status

    @property
    def network(self) -> tuple[str, ...]:
        """Return all that ASN and organisation depend on."""
        return self.asn + self.as_text + self.org + self.status


NAMES = Names(
    address=("ip", "query", "ip_address", "traits.ip_address", "traits.ip", "address"),
    code=("country_code", "countrycode", "country.iso_code", "geo.country_code"),
    country=("country", "geo.country"),
    country_name=("country_name", "country.names.en"),
    asn=(
        "asn",
        "asn.asn",
        "as.asn",
        "autonomous_system_number",
        "traits.autonomous_system_number",
    ),
    as_text=("as",),
    org=(
        "org",
        "as_name",
        "asn.name",
        "as.name",
        "autonomous_system_organization",
        "traits.autonomous_system_organization",
        "isp",
        "asname",
    ),
    time=("resolved_at", "cached_at"),
    status=("status",),
)
_OBJECTS = {"country", "country.names", "traits", "asn", "as", "geo"}
_NEVER_FLAT = _OBJECTS.difference(*NAMES)
_as_text = re.compile(r"AS(\d{1,10})(?:\s+(.*))?", re.DOTALL).fullmatch

Row = Mapping[str, Any]


class Values(NamedTuple):
    """The parts of an entry as the input has them, in the order that `make_entry` takes."""

    ip: object
    country_code: object
    country_name: object
    asn: object
    org: object
    resolved_at: object


def is_address(name: str) -> bool:
    """Tell whether a key or column holds the address."""
    return name.lower() in NAMES.address


def is_flat(keys: Iterable[str]) -> bool:
    """Tell whether rows with these keys need not be searched for objects within them."""
    return _NEVER_FLAT.isdisjoint(key.lower() for key in keys)


def names_among(keys: Iterable[str]) -> Names:
    """Return, spelt as they are, those keys of a flat row that mean something."""
    spelt = {key.lower(): key for key in keys}
    return Names(*(tuple(spelt[name] for name in names if name in spelt) for names in NAMES))


def extract(row: Row) -> Values:
    """Find the parts of an entry in an object of any of the services. Raise Rejected."""
    flat = dict(_flat_items(row, ""))
    ip = _first(flat, NAMES.address)
    if ip is None:
        raise Rejected("no address (ip or query)")
    return Values(ip, *place(flat, NAMES), *network(flat, NAMES), _first(flat, NAMES.time))


def place(row: Row, names: Names) -> tuple[object, object]:
    """Return country code and name; `country` is a code with one service and a name with another."""
    if _first(row, names.status) == "fail":
        return None, None
    code = _first(row, names.code)
    country = _first(row, names.country)
    name = _first(row, names.country_name)
    if name is None and any(key in row for key in names.country_name):
        name = ""  # a name that the row holds empty is not filled in: what was exported comes back so
    if code is None and _is_code(country):
        return country, name
    return code, name or country or name


def network(row: Row, names: Names) -> tuple[object, object]:
    """Return ASN and organisation, which some services write as one text: `AS64496 Example`."""
    if _first(row, names.status) == "fail":
        return None, None
    number, org = _first(row, names.asn), _first(row, names.org)
    as_number, as_name = _split(_first(row, names.as_text))
    if number is None:
        number = as_number
    org_number, org_name = _split(org)
    if org_number is not None and (number is None or f"AS{number}".endswith(org_number)):
        number, org = org_number, org_name
    return number, as_name if org is None else org


def _flat_items(row: Row, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        name = prefix + key.lower()
        if isinstance(value, dict) and name in _OBJECTS:
            yield from _flat_items(value, name + ".")
        else:
            yield name, value


def _first(row: Row, names: tuple[str, ...]) -> Any:
    for name in names:
        value = row.get(name)
        if value is not None and not (isinstance(value, str) and (not value or value.isspace())):
            return value
    return None


def _is_code(value: object) -> bool:
    if not isinstance(value, str):
        return False
    text = value.strip()
    return len(text) == 2 and text.isascii() and text.isalpha()


def _split(value: object) -> tuple[str | None, object]:
    """Split `AS64496 Example` into its number and its name; any other text is a name."""
    match = _as_text(value.strip()) if isinstance(value, str) and "AS" in value[:8] else None
    if match is None:
        return None, value
    return f"AS{match[1]}", match[2]
