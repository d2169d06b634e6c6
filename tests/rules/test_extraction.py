"""Every layout that is known leads to the same facts, and no value of any kind makes the search stumble."""

import layouts
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import extraction
from bangui_cli.rules.layouts import is_address
from bangui_cli.rules.validation import clean_text, normalise_asn, normalise_country_code


@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_a_layout_is_understood(name):
    """Each maker has other names for the same; the better ones win where a row has several."""
    row, meant = layouts.LAYOUTS[name]
    values = extraction.extract(row)
    found = layouts.Facts(
        normalise_country_code(values.country_code),
        clean_text(values.country_name),
        normalise_asn(values.asn),
        clean_text(values.org),
    )

    assert found == meant
    assert values.ip == ("198.51.100.1" if name in layouts.ANSWERS else None)


def flattened(row, prefix=""):
    """Spell a row as a table does that was made of it: `country.iso_code` is a column."""
    for key, value in row.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


@pytest.mark.parametrize("spell", [str.lower, str.upper, str])
@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_a_layout_is_understood_as_a_table(name, spell):
    """Dotted columns mean what objects do, and people write their headers as they like."""
    row = layouts.LAYOUTS[name][0]
    table = {spell(key): value for key, value in flattened(row)}

    assert extraction.extract(table) == extraction.extract(row)


def test_the_name_of_anything_is_no_organisation():
    """Only beside an ASN does a bare name say whose network it is."""
    assert extraction.extract({"ip": "192.0.2.1", "name": "Alice"}).org is None


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"city": "Berlin", "lat": 52.5}, ["city", "lat"]),
        ({}, []),
        ({"resolved_at": "2026-01-01"}, []),
        ({"location": {"town": "Berlin"}}, ["location"]),
        ({"country": {"area": 357021}}, ["country"]),
        ({"location": {"country": {"code": None}}}, []),
        ({"country": None, "city": "Berlin"}, []),
        ({"status": "success", "city": "Berlin"}, []),
        ({"connection": {"asn": 1}}, []),
        ({str(n): n for n in range(1000)}, [str(n) for n in range(20)]),
    ],
)
def test_a_row_of_another_kind_is_told_from_one_that_lacks_a_country(fields, unknown):
    """A known field that is empty says that the service does not know; other fields say nothing."""
    assert extraction.unknown_fields({"ip": "192.0.2.1", **fields}) == unknown


@pytest.mark.parametrize(("name", "expected"), [("IP", True), ("ipAddress", True), ("ip_from", False)])
def test_an_address_is_known_by_its_name(name, expected):
    """As the header of a table tells it."""
    assert is_address(name) == expected


KEYS = st.sampled_from(
    ["ip", "IP", "country", "location", "asn", "as", "isp", "org", "name", "status", "success", "bogon", "traits", "x"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner))


@given(st.dictionaries(KEYS, VALUES))
def test_any_row_can_be_searched(row):
    """What is found is something of the row, never an object of it but as a time."""
    *values, _ = extraction.extract(row)

    assert not any(isinstance(value, dict) for value in values)
    assert set(extraction.unknown_fields(row)) <= set(row)
