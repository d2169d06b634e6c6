"""What geolocation services and the makers of MMDB files call the parts of an entry.

A dot leads into an object (`country.iso_code`), or stands in the name of a column. The outermost name
is compared in lower case, as people write the headers of their tables; names inside are spelt as here.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bangui_cli.rules.memory import Memory

Path = tuple[str, ...]
"""Keys that lead from a row to a value."""

Row = Mapping[str, Any]


class Names(NamedTuple):
    """Where the parts of an entry may be found in a row, the better places first."""

    address: tuple[Path, ...]
    code: tuple[Path, ...]
    country: tuple[Path, ...]
    country_name: tuple[Path, ...]
    asn: tuple[Path, ...]
    as_text: tuple[Path, ...]
    org: tuple[Path, ...]
    as_name: tuple[Path, ...]
    time: tuple[Path, ...]
    status: tuple[Path, ...]

    @property
    def place(self) -> tuple[Path, ...]:
        """Return all that country code and name depend on."""
        return self.code + self.country + self.country_name + self.status

    @property
    def network(self) -> tuple[Path, ...]:
        """Return all that ASN and organisation depend on."""
        return self.asn + self.as_text + self.org + self.as_name + self.status


_TABLE = {
    "address": (
        "ip",  # most
        "query",  # ip-api.com
        "ip_address",  # MaxMind
        "traits.ip_address",
        "traits.ip",
        "ipAddress",  # DB-IP
        "address",
    ),
    "code": (
        "country_code",  # this tool, IPinfo Lite and Core as files, IPLocate, ipwho.is
        "countryCode",  # ip-api.com, DB-IP
        "country_code2",  # ipgeolocation.io, version 1
        "country.iso_code",  # MaxMind, DB-IP, GeoOpen
        "geo.country_code",  # IPinfo Core
        "location.country_code",  # ipapi.is, ipquery.io
        "location.country_code2",  # ipgeolocation.io, versions 2 and 3
        "location.country.code",  # ipregistry
    ),
    # A code with one service, a name with another.
    "country": ("country", "geo.country", "location.country"),
    "country_name": (
        "country_name",
        "countryName",  # DB-IP
        "country.names.en",  # MaxMind, DB-IP
        "location.country_name",  # ipgeolocation.io
        "location.country.name",  # ipregistry
    ),
    "asn": (
        "asn",
        "asNumber",  # DB-IP
        "autonomous_system_number",  # MaxMind, DB-IP
        "asn.asn",  # IPinfo paid, IPLocate, ipapi.is
        "asn.as_number",  # ipgeolocation.io, version 3
        "as.asn",  # IPinfo Core
        "traits.autonomous_system_number",  # MaxMind Enterprise and its web service
        "country.AutonomousSystemNumber",  # GeoOpen
        "connection.asn",  # ipwho.is, ipregistry
        "network.asn.as_number",  # ipgeolocation.io, version 2
        "isp.asn",  # ipquery.io
    ),
    # Number and name in one: ip-api.com. A name alone: IP2Location.
    "as_text": ("as",),
    "org": (
        "org",
        "as_name",  # IPinfo Lite and Core as files
        "autonomous_system_organization",
        "asn.name",
        "asn.org",  # ipapi.is
        "asn.organization",
        "as.name",
        "traits.autonomous_system_organization",
        "country.AutonomousSystemOrganization",
        "connection.org",
        "connection.organization",
        "network.asn.organization",
        "isp.org",
        "organization",
        "isp",
        "traits.organization",
        "traits.isp",
        "connection.isp",
        "isp.isp",
        "asname",
    ),
    # Of whatever: only beside a number does it name the network (IPinfo's and IPLocate's ASN files).
    "as_name": ("name",),
    "time": ("resolved_at", "cached_at"),
    "status": ("status", "success", "bogon", "is_bogon"),
}

_PATHS = {part: tuple(tuple(name.split(".")) for name in names) for part, names in _TABLE.items()}
_OUTERMOST = frozenset(
    name.lower() for paths in _PATHS.values() for path in paths for name in (path[0], ".".join(path))
)
_ADDRESSES = frozenset(name.lower() for name in _TABLE["address"])
_LONGEST_NAME = max(map(len, _OUTERMOST))
_MEMORY_BYTES = 500_000

_remembered: Memory[Path, Names] = Memory(_MEMORY_BYTES)


def is_address(name: str) -> bool:
    """Tell whether a key or column holds the address."""
    return len(name) <= _LONGEST_NAME and name.lower() in _ADDRESSES


def names_among(keys: Iterable[str]) -> Names:
    """Return where the parts may be found in a row that has these keys, spelt as they are."""
    spelt = {key.lower(): key for key in keys if len(key) <= _LONGEST_NAME and key.lower() in _OUTERMOST}
    return Names(**{part: tuple(_present(paths, spelt)) for part, paths in _PATHS.items()})


def names_in(row: Row) -> Names:
    """Return where the parts may be found in a row; rows of one service have the same keys."""
    keys = tuple(row)
    names = _remembered.get(keys)
    if names is None:
        names = names_among(keys)
        _remembered.keep(keys, names)
    return names


def _present(paths: tuple[Path, ...], spelt: Mapping[str, str]) -> Iterable[Path]:
    for path in paths:
        name = ".".join(path).lower()
        if name in spelt:
            yield (spelt[name],)
        if len(path) > 1 and path[0] in spelt:
            yield (spelt[path[0]], *path[1:])
