"""Take the parts of an entry out of what a service answered, or a file holds; unchecked."""

import re
from itertools import islice
from typing import Any, NamedTuple

from bangui_cli.rules.layouts import Names, Path, Row, names_in

# What says that a service could not resolve the address: ip-api.com, ipwho.is, IPinfo, ipapi.is.
_FAILURES = {"status": "fail", "success": "false", "bogon": "true", "is_bogon": "true"}
# What tells an entry that bangui itself has handed over.
_OWN_FIELDS = {"asn", "org", "resolved_at"}

_MOST_FIELDS = 20

_numbered = re.compile(r"AS([0-9]{1,10})(?:\s+(.*))?", re.DOTALL).fullmatch


class Values(NamedTuple):
    """The parts of an entry as a row has them, in the order that `make_entry` takes."""

    ip: Any
    country_code: Any
    country_name: Any
    asn: Any
    org: Any
    resolved_at: Any


def extract(row: Row) -> Values:
    """Find the parts of an entry, unchecked, in a row of any layout; None for what it lacks."""
    names = names_in(row)
    time = _first(row, names.time)
    if time is None:  # an object is no time, but it is not nothing either: mongoexport writes such
        time = next((row[key] for (key,) in names.time if isinstance(row[key], dict)), None)
    return Values(_first(row, names.address), *place(row, names), *network(row, names), time)


def place(row: Row, names: Names) -> tuple[Any, Any]:
    """Return country code and name."""
    if names.status and _has_failed(row, names):
        return None, None
    code = _first(row, names.code)
    country = _first(row, names.country)
    name = _first(row, names.country_name)
    if name is None and any(_leads_somewhere(row, path) for path in names.country_name):
        name = ""  # a name that the row holds empty is not filled in: what was exported comes back so
    if code is None and _is_code(country):
        return country, name
    return code, name or country or name


def network(row: Row, names: Names) -> tuple[Any, Any]:
    """Return ASN and organisation, which some services write as one text: `AS64496 Example`."""
    if names.status and _has_failed(row, names):
        return None, None
    number, org = _first(row, names.asn), _first(row, names.org)
    if row.keys() >= _OWN_FIELDS:
        return number, org  # what looks like a number in a name was meant so
    as_number, as_name = _split(_first(row, names.as_text))
    if number is None:
        number = as_number
    org_number, org_name = _split(org)
    if org_number is not None and (number is None or f"AS{number}".endswith(org_number)):
        number, org = org_number, org_name
    if org is None:
        org = as_name
    return number, _first(row, names.as_name) if org is None and number is not None else org


def unknown_fields(row: Row) -> list[str]:
    """Return the first fields of a row in which nothing is understood but address and time.

    A field that is understood and empty says that the service does not know: then there are none.
    """
    names = names_in(row)
    if any(_leads_somewhere(row, path) for path in names.place + names.network):
        return []
    understood = {path[0] for path in names.address + names.time}
    return list(islice((key for key in row if key not in understood), _MOST_FIELDS))


def unknown_country(row: Row) -> str | None:
    """Return what a row without a country says instead of one, None where it says nothing."""
    names = names_in(row)
    code, name = place(row, names)
    return name if code is None and isinstance(name, str) and name else None


def name_of(row: Row, paths: tuple[Path, ...], value: Any) -> str:
    """Return what a row calls the field that holds a value, or in which it should be."""
    held = [path for path in paths if _first(row, (path,)) is not None]
    found = next((path for path in held if _first(row, (path,)) is value), (held or paths)[0])
    return ".".join(found)


def _first(row: Row, paths: tuple[Path, ...]) -> Any:
    """Return the first value that is there, and neither blank nor an object."""
    for path in paths:
        value = row.get(path[0])
        if type(value) is dict:
            value = _inside(value, path)
        elif len(path) > 1:
            continue
        if value is not None and not (type(value) is str and _is_blank(value)):
            return value
    return None


def _inside(value: Any, path: Path) -> Any:
    for name in path[1:]:
        value = value.get(name) if type(value) is dict else None
    return None if type(value) is dict else value


def _leads_somewhere(row: Row, path: Path) -> bool:
    value: Any = row
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return not isinstance(value, dict)


def _is_blank(text: str) -> bool:
    """Tell whether a text stands for none: some services write a dash."""
    return not text or text == "-" or text.isspace()


def _has_failed(row: Row, names: Names) -> bool:
    return any(_says(row[path[0]], _FAILURES[path[0].lower()]) for path in names.status)


def _says(value: Any, word: str) -> bool:
    return isinstance(value, str | bool) and str(value).lower() == word


def _is_code(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    text = value.strip()
    return len(text) == 2 and text.isascii() and text.isalpha()


def _split(value: Any) -> tuple[str | None, Any]:
    """Split `AS64496 Example` into its number and its name; any other text is a name."""
    match = _numbered(value.strip()) if isinstance(value, str) and "AS" in value[:8] else None
    if match is None:
        return None, value
    return f"AS{match[1]}", match[2]
