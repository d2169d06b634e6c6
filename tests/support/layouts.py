"""A sample of each layout that is known: what a service answers or a file holds, and what it means.

The field names are the makers' own, from their documentation and their clients; addresses and networks are
those kept for documentation. What is meant: country code, country name, ASN, organisation. None as a name
says that the sample has none; it may be known from elsewhere.
"""

from typing import Any, NamedTuple


class Facts(NamedTuple):
    """What a sample says."""

    country_code: str | None = None
    country_name: str | None = None
    asn: str | None = None
    org: str | None = None


EVERYTHING = Facts("DE", "Germany", "AS64496", "Example GmbH")
PLACE = Facts("DE", "Germany")
NETWORK = Facts(asn="AS64496", org="Example GmbH")
NOTHING = Facts()

_MAXMIND_PLACE = {
    "continent": {"code": "EU", "geoname_id": 6255148, "names": {"en": "Europe"}},
    "country": {"geoname_id": 2921044, "iso_code": "DE", "names": {"de": "Deutschland", "en": "Germany"}},
    "registered_country": {"geoname_id": 3017382, "iso_code": "FR", "names": {"en": "France"}},
}  # fmt: skip
_MAXMIND_NETWORK = {
    "autonomous_system_number": 64496, "autonomous_system_organization": "Example GmbH",
    "isp": "Example Cable", "organization": "A customer of Example",
}  # fmt: skip

ANSWERS: dict[str, tuple[dict[str, Any], Facts]] = {
    "ip-api.com": (
        {
            "query": "198.51.100.1", "status": "success", "continent": "Europe", "country": "Germany", "countryCode": "DE",
            "region": "BE", "city": "Berlin", "lat": 52.52, "isp": "Example Cable", "org": "Example GmbH",
            "as": "AS64496 Example Cable", "asname": "EXAMPLE-AS", "mobile": False,
        },
        EVERYTHING,
    ),
    "ip-api.com, without an organisation": (
        {
            "query": "198.51.100.1", "status": "success", "country": "Germany", "countryCode": "DE", "org": "",
            "as": "AS64496 Example GmbH",
        },
        EVERYTHING,
    ),
    "ip-api.com, a failure": (
        {"query": "198.51.100.1", "status": "fail", "message": "reserved range"},
        NOTHING,
    ),
    "ipinfo.io, free": (
        {
            "ip": "198.51.100.1", "hostname": "host.example", "anycast": True, "city": "Berlin", "region": "Berlin",
            "country": "DE", "loc": "52.5,13.4", "org": "AS64496 Example GmbH", "postal": "10115",
            "timezone": "Europe/Berlin",
        },
        EVERYTHING._replace(country_name=None),
    ),
    "ipinfo.io, paid": (
        {
            "ip": "198.51.100.1", "city": "Berlin", "country": "DE", "loc": "52.5,13.4",
            "asn": {"asn": "AS64496", "name": "Example GmbH", "domain": "example.com", "route": "198.51.100.0/24", "type": "isp"},
            "company": {"name": "A customer of Example", "domain": "example.net", "type": "business"},
            "abuse": {"country": "FR", "name": "Abuse"},
        },
        EVERYTHING._replace(country_name=None),
    ),
    "ipinfo.io, Lite": (
        {
            "ip": "198.51.100.1", "asn": "AS64496", "as_name": "Example GmbH", "as_domain": "example.com",
            "country_code": "DE", "country": "Germany", "continent_code": "EU", "continent": "Europe",
        },
        EVERYTHING,
    ),
    "ipinfo.io, Core": (
        {
            "ip": "198.51.100.1",
            "geo": {"city": "Berlin", "country": "Germany", "country_code": "DE", "continent": "Europe", "continent_code": "EU"},
            "as": {"asn": "AS64496", "name": "Example GmbH", "domain": "example.com", "type": "isp"},
            "is_anonymous": False, "is_anycast": False, "is_hosting": True,
        },
        EVERYTHING,
    ),
    "ipinfo.io, a reserved address": ({"ip": "198.51.100.1", "bogon": True}, NOTHING),
    "MaxMind, web service": (
        {**_MAXMIND_PLACE, "traits": {"ip_address": "198.51.100.1", "network": "198.51.100.0/24", **_MAXMIND_NETWORK}},
        EVERYTHING,
    ),
    "DB-IP, web service": (
        {
            "ipAddress": "198.51.100.1", "continentCode": "EU", "continentName": "Europe", "countryCode": "DE",
            "countryName": "Germany", "stateProv": "Berlin", "city": "Berlin", "asNumber": 64496, "asName": "EXAMPLE-AS",
            "isp": "Example Cable", "linkType": "dsl", "organization": "Example GmbH",
        },
        EVERYTHING,
    ),
    "IPLocate, web service": (
        {
            "ip": "198.51.100.1", "country": "Germany", "country_code": "DE", "is_eu": True, "city": "Berlin",
            "asn": {
                "asn": "AS64496", "route": "198.51.100.0/24", "netname": "EXAMPLE", "name": "Example GmbH",
                "country_code": "FR", "domain": "example.com", "type": "isp", "rir": "RIPE",
            },
            "privacy": {"is_vpn": False}, "company": {"name": "A customer of Example", "country_code": "FR"},
        },
        EVERYTHING,
    ),
    "ipapi.is": (
        {
            "ip": "198.51.100.1", "rir": "RIPE", "is_bogon": False, "is_datacenter": True,
            "company": {"name": "A customer of Example", "type": "hosting", "network": "198.51.100.0 - 198.51.100.255"},
            "asn": {
                "asn": 64496, "abuser_score": "0.0021 (Low)", "route": "198.51.100.0/24", "descr": "EXAMPLE-AS, FR",
                "country": "fr", "active": True, "org": "Example GmbH", "domain": "example.com", "type": "hosting",
            },
            "location": {"continent": "EU", "country": "Germany", "country_code": "DE", "state": "Berlin", "city": "Berlin"},
        },
        EVERYTHING,
    ),
    "ipapi.is, a reserved address": (
        {"ip": "198.51.100.1", "is_bogon": True, "is_datacenter": False},
        NOTHING,
    ),
    "ipwho.is": (
        {
            "ip": "198.51.100.1", "success": True, "type": "IPv4", "continent": "Europe", "continent_code": "EU",
            "country": "Germany", "country_code": "DE", "region": "Berlin", "region_code": "BE", "city": "Berlin",
            "connection": {"asn": 64496, "org": "Example GmbH", "isp": "Example Cable", "domain": "example.com"},
            "timezone": {"id": "Europe/Berlin", "is_dst": False},
        },
        EVERYTHING,
    ),
    "ipwho.is, a failure": (
        {"ip": "198.51.100.1", "success": False, "message": "Reserved range"},
        NOTHING,
    ),
    "ipregistry": (
        {
            "ip": "198.51.100.1", "type": "IPv4", "carrier": {"mcc": "262"},
            "connection": {"asn": 64496, "domain": "example.com", "organization": "Example GmbH", "route": "198.51.100.0/24", "type": "isp"},
            "location": {
                "continent": {"code": "EU", "name": "Europe"},
                "country": {"area": 357021, "borders": ["AT"], "code": "DE", "name": "Germany", "tld": ".de"},
                "region": {"code": "DE-BE", "name": "Berlin"}, "city": "Berlin", "in_eu": True,
            },
            "security": {"is_bogon": False},
        },
        EVERYTHING,
    ),
    "ipgeolocation.io, version 1": (
        {
            "ip": "198.51.100.1", "continent_code": "EU", "continent_name": "Europe", "country_code2": "DE",
            "country_code3": "DEU", "country_name": "Germany", "country_capital": "Berlin", "city": "Berlin",
            "isp": "Example Cable", "organization": "Example GmbH", "asn": "AS64496",
        },
        EVERYTHING,
    ),
    "ipgeolocation.io, version 2": (
        {
            "ip": "198.51.100.1",
            "location": {
                "continent_code": "EU", "continent_name": "Europe", "country_code2": "DE", "country_code3": "DEU",
                "country_name": "Germany", "country_name_official": "Federal Republic of Germany", "city": "Berlin",
            },
            "country_metadata": {"calling_code": "+49", "tld": ".de"},
            "network": {
                "asn": {"as_number": "AS64496", "organization": "Example GmbH", "country": "FR"},
                "company": {"name": "A customer of Example"},
            },
        },
        EVERYTHING,
    ),
    "ipgeolocation.io, version 3": (
        {
            "ip": "198.51.100.1",
            "location": {"continent_code": "EU", "country_code2": "DE", "country_code3": "DEU", "country_name": "Germany"},
            "asn": {"as_number": "AS64496", "organization": "Example GmbH", "country": "FR"},
            "company": {"name": "A customer of Example"}, "network": {"route": "198.51.100.0/24", "is_anycast": False},
        },
        EVERYTHING,
    ),
    "ipquery.io": (
        {
            "ip": "198.51.100.1", "isp": {"asn": "AS64496", "org": "Example GmbH", "isp": "Example Cable"},
            "location": {"country": "Germany", "country_code": "DE", "city": "Berlin", "state": "Berlin"},
            "risk": {"is_vpn": False, "risk_score": 0},
        },
        EVERYTHING,
    ),
    "IP2Location, a reserved address": (
        {"ip": "198.51.100.1", "country_code": "-", "country_name": "-", "asn": "-", "as": "-", "is_proxy": False},
        NOTHING,
    ),
    "this tool": (
        {
            "ip": "198.51.100.1", "country_code": "DE", "country_name": "Germany", "asn": "AS64496", "org": "Example GmbH",
            "resolved_at": "2026-01-02T03:04:05.000Z",
        },
        EVERYTHING,
    ),
}  # fmt: skip
"""What services answer; the address is in it, under the name that the service has for it."""

RECORDS: dict[str, tuple[dict[str, Any], Facts]] = {
    "MaxMind, Country and City": ({**_MAXMIND_PLACE, "city": {"names": {"en": "Berlin"}}}, PLACE),
    "MaxMind, Enterprise": ({**_MAXMIND_PLACE, "traits": _MAXMIND_NETWORK}, EVERYTHING),
    "MaxMind and DB-IP, ASN": (
        {"autonomous_system_number": 64496, "autonomous_system_organization": "Example GmbH"}, NETWORK,
    ),
    "MaxMind, ISP": (_MAXMIND_NETWORK, NETWORK),
    "MaxMind, a registered country alone": (
        {"registered_country": _MAXMIND_PLACE["registered_country"]}, NOTHING,
    ),
    "IPinfo, Lite": (
        {
            "continent": "Europe", "continent_code": "EU", "country": "Germany", "country_code": "DE", "asn": "AS64496",
            "as_name": "Example GmbH", "as_domain": "example.com",
        },
        EVERYTHING,
    ),
    "IPinfo, Lite, of unknown network": (
        {"country": "Germany", "country_code": "DE", "asn": "", "as_name": "", "as_domain": ""}, PLACE,
    ),
    "IPinfo, Core": (
        {
            "city": "Berlin", "country": "Germany", "country_code": "DE", "asn": "AS64496", "as_name": "Example GmbH",
            "as_domain": "example.com", "as_type": "isp", "is_hosting": "false",
        },
        EVERYTHING,
    ),
    "IPinfo, Country and ASN before Lite": (
        {
            "country": "DE", "country_name": "Germany", "continent": "EU", "continent_name": "Europe", "asn": "AS64496",
            "as_name": "Example GmbH", "as_domain": "example.com",
        },
        EVERYTHING,
    ),
    "IPinfo, ASN": (
        {"asn": "AS64496", "name": "Example GmbH", "domain": "example.com", "route": "198.51.100.0/24", "type": "isp"},
        NETWORK,
    ),
    "IPLocate, country": ({"country_code": "DE", "country_name": "Germany", "continent_code": "EU"}, PLACE),
    "IPLocate, ASN": (
        {"asn": "64496", "name": "EXAMPLE-AS", "org": "Example GmbH", "domain": "example.com"}, NETWORK,
    ),
    "GeoOpen, country": ({"country": {"iso_code": "DE"}}, PLACE._replace(country_name=None)),
    "GeoOpen, country and ASN": (
        {
            "country": {
                "iso_code": "DE", "AutonomousSystemNumber": "64496", "AutonomousSystemOrganization": "Example GmbH",
            }
        },
        EVERYTHING._replace(country_name=None),
    ),
    "ip-location-db, country": ({"country_code": "DE"}, PLACE._replace(country_name=None)),
}  # fmt: skip
"""What MMDB files hold of an address."""

LAYOUTS = ANSWERS | RECORDS
