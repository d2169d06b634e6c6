"""Validation and normal form of one entry, for whatever text the world sends."""

import contextlib
import ipaddress
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import timestamps, validation
from bangui_cli.rules.entry import Entry, flatten, pack
from bangui_cli.rules.validation import Rejected, make_entry

NOW_S = timestamps.to_wall_s("2026-03-01T12:00:00Z")
HOUR_S = 3600

NORMAL_FORMS = [
    ("192.0.2.1", "192.0.2.1"),
    (" 192.0.2.1\n", "192.0.2.1"),
    ("2001:DB8:0:0::1", "2001:db8::1"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("::FFFF:C000:0201", "192.0.2.1"),
    ("::1.2.3.4", "::102:304"),
    ("::", "::"),
]


@pytest.mark.parametrize(("text", "normal"), NORMAL_FORMS)
def test_an_address_has_one_normal_form(text, normal):
    """Compressed, lower case; IPv4-mapped IPv6 is IPv4."""
    assert validation.normalise_ip(text) == normal


NO_ADDRESSES = [
    "", " ", "1.2.3", "1.2.3.4.5", "1.2.3.256", "010.0.0.1", "0x7f.0.0.1", "1", "16909060", "1.2.3.4:80",
    "[::1]", "::1::", "1:2:3:4:5:6:7:8:9", "12345::", "::ffff:1.2.3", "localhost", "example.com", "1.2.3.4 5",
    "1.2.3.\uff14", "\u06f1.2.3.4", "1.2.3.4\0", "\udcff", "\uff11.2.3.4", "-1.2.3.4", "+1.2.3.4", "1.2.3.4\x1b[0m",
    "9" * 10_000_000, ":" * 1_000_000,
]  # fmt: skip


@pytest.mark.parametrize("text", NO_ADDRESSES, ids=lambda text: ascii(text[:20]))
def test_what_is_no_address_is_refused(text):
    """Neither a name nor a form that only some parsers read."""
    with pytest.raises(Rejected, match="not an IP address"):
        validation.normalise_ip(text)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("192.0.2.0/24", "a network"),
        ("192.0.2.1/32", "a network"),
        ("fe80::1%eth0", "a zone ID"),
        (None, "not text"),
        (16909060, "not text"),
        (b"192.0.2.1", "not text"),
    ],
)
def test_what_is_nearly_an_address_is_told_apart(value, reason):
    """The reason says what to correct."""
    with pytest.raises(Rejected, match=reason):
        validation.normalise_ip(value)


@given(st.ip_addresses())
def test_any_address_is_read_back_as_itself(address):
    """The normal form of the normal form is the normal form, for every address there is."""
    mapped = getattr(address, "ipv4_mapped", None)

    for text in (str(address), address.exploded, str(address).upper()):
        assert validation.normalise_ip(text) == str(mapped or address)
        assert validation.normalise_ip(validation.normalise_ip(text)) == validation.normalise_ip(text)


@given(st.text(alphabet=string.hexdigits + ".:%/ x\u0661", max_size=40))
def test_any_text_is_an_address_for_us_only_if_it_is_one_for_the_standard_library(text):
    """What is accepted is canonical; what is refused is refused with Rejected."""
    try:
        normal = validation.normalise_ip(text)
    except Rejected:
        return
    assert str(ipaddress.ip_address(normal)) == normal


@pytest.mark.parametrize(("value", "code"), [("de", "DE"), (" De ", "DE"), ("", None), (None, None)])
def test_a_country_code_is_two_upper_case_letters(value, code):
    """Nothing means a failed resolution."""
    assert validation.normalise_country_code(value) == code


COUNTRIES = [
    (("de", None), ("DE", "Germany")),
    (("DE", "Deutschland"), ("DE", "Deutschland")),
    (("UK", None), ("GB", "United Kingdom")),
    (("XK", None), ("XK", "Kosovo")),
    # Codes that are no country stay, and have no name.
    (("EU", None), ("EU", None)),
    (("AP", "Asia/Pacific"), ("AP", "Asia/Pacific")),
    # A name that is given, and empty, stays empty.
    (("DE", ""), ("DE", None)),
    (("DE", "-"), ("DE", None)),
    # No country has no name either; a name alone is kept.
    (("XX", "Unknown"), (None, None)),
    (("-", "-"), (None, None)),
    ((None, "Germany"), ("DE", "Germany")),
    (("", "GERMANY "), ("DE", "GERMANY")),
    ((None, "Deutschland"), (None, "Deutschland")),
    (("", None), (None, None)),
]


@pytest.mark.parametrize(("given", "normal"), COUNTRIES)
def test_a_country_without_a_name_gets_that_of_iso_3166(given, normal):
    """Files that hold codes alone are the most frequent ones."""
    assert validation.normalise_country(*given) == normal


@pytest.mark.parametrize("value", ["D", "DEU", "D3", "ДЕ", "ß", "ﬁ", "D E", 49, True, ["DE"]])
def test_what_is_no_country_code_is_refused(value):
    """A country's name or number in the wrong column is noticed."""
    with pytest.raises(Rejected):
        validation.normalise_country_code(value)


ASNS = [
    ("AS64496", "AS64496"), ("as64496", "AS64496"), ("64496", "AS64496"), (64496, "AS64496"),
    ("AS0064496", "AS64496"), ("AS4294967295", "AS4294967295"), ("", None), (None, None), ("-", None),
    ("64496.0", "AS64496"), (64496.0, "AS64496"), ("AS64496.00", "AS64496"), ("64496.", "AS64496"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "asn"), ASNS)
def test_an_asn_is_as_and_a_number(value, asn):
    """However it is written."""
    assert validation.normalise_asn(value) == asn


NO_ASNS = [
    "AS", "ASAS1", "AS 1", "64496.5", "AS64496 Example", "4294967296", "9" * 10_000, "-1", "+1", "1.5", "1.0.0", "1.0e3", ".0", "٣", "²",
    -1, 1.5, 2**32, True, float("nan"), [1],
]  # fmt: skip


@pytest.mark.parametrize("value", NO_ASNS, ids=lambda value: ascii(value)[:20])
def test_what_is_no_asn_is_refused(value):
    """A name in the wrong column, or a number past 32 bits."""
    with pytest.raises(Rejected):
        validation.normalise_asn(value)


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("  Example \n GmbH\t", "Example  GmbH"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b31mred\x7f\0", "31mred"),
        ("\u202egnp.exe", "gnp.exe"),
        ("line\u2028end\u2029", "lineend"),
        ("\udcffbytes", "bytes"),
        ("[bold]kept[/bold]", "[bold]kept[/bold]"),
        ("Österreich 日本 \N{FLAG IN HOLE}", "Österreich 日本 \N{FLAG IN HOLE}"),
        ("x" * 10_000_000, "x" * 200),
        ("x" * 199 + " y", "x" * 199),
        (" \x00 ", None),
        (" - ", None),
        (7, "7"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_text_loses_what_a_terminal_would_obey(value, clean):
    """Control characters go, a name stays, at most 200 characters of it."""
    assert validation.clean_text(value) == clean


@given(st.text())
def test_clean_text_is_clean(text):
    """Cleaning twice is cleaning once, and nothing unprintable but a blank is left."""
    clean = validation.clean_text(text)

    assert validation.clean_text(clean) == clean
    if clean is not None:
        assert 1 <= len(clean) <= 200
        assert not {unicodedata.category(c) for c in clean} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        clean.encode()


TIMES = [
    ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"),
    ("2026-03-01 12:00:00", "2026-03-01T12:00:00.000Z"),
    (" 2026-03-01T13:00:00.5+01:00 ", "2026-03-01T12:00:00.500Z"),
    ("2026-03-01", "2026-03-01T00:00:00.000Z"),
    ("20260301", "2026-03-01T00:00:00.000Z"),
    ("20260301T120000Z", "2026-03-01T12:00:00.000Z"),
    ("2026-03-01t13:00:00,5+0100", "2026-03-01T12:00:00.500Z"),
    ("2026-W09-7", "2026-03-01T00:00:00.000Z"),
    ("2026-02-28T23:59:60Z", "2026-03-01T00:00:00.000Z"),
    ("20260228T235960.5Z", "2026-03-01T00:00:00.500Z"),
    ("2026-02-28T24:00Z", "2026-03-01T00:00:00.000Z"),
    ("2026-060", "2026-03-01T00:00:00.000Z"),
    ("2026060", "2026-03-01T00:00:00.000Z"),
    ("2024-366T24:00Z", "2025-01-01T00:00:00.000Z"),
    ("2026060T120000+0200", "2026-03-01T10:00:00.000Z"),
    ("2026-03-01T11:30.5Z", "2026-03-01T11:30:30.000Z"),
    ("2026-03-01T11,25", "2026-03-01T11:15:00.000Z"),
    ("20260301T11.5+02:00", "2026-03-01T09:30:00.000Z"),
    ("20260301T1130,5-0030", "2026-03-01T12:00:30.000Z"),
    ("20260301T113000.5", "2026-03-01T11:30:00.500Z"),
    ("2026-W09-7T11:30:00.5", "2026-03-01T11:30:00.500Z"),
    ("2026-03-01 11.123456789123", "2026-03-01T11:07:24.444Z"),
    ("2026-03-01T13:00:00\u221201:00", "2026-03-01T14:00:00.000Z"),
    (1772366400, "2026-03-01T12:00:00.000Z"),
    (1772366400.25, "2026-03-01T12:00:00.250Z"),
    ("1772366400", "2026-03-01T12:00:00.000Z"),
    ("1772366400.25", "2026-03-01T12:00:00.250Z"),
    (0, "1970-01-01T00:00:00.000Z"),
    (None, "2026-03-01T12:00:00.000Z"),
    ("", "2026-03-01T12:00:00.000Z"),
    (" ", "2026-03-01T12:00:00.000Z"),
    (NOW_S + 24 * HOUR_S, "2026-03-02T12:00:00.000Z"),
]


@pytest.mark.parametrize(("value", "text"), TIMES)
def test_a_time_is_iso_8601_or_seconds_in_utc(value, text):
    """No zone is UTC, nothing is now, a clock that is up to a day ahead is believed."""
    assert validation.normalise_time(value, NOW_S) == text


NO_TIMES = [
    "yesterday", "2026-13-01", "2026-02-30", "2026-03-01T12:00:61Z", "2026-03-01T25:00:00Z", "12:00",
    "2026-366", "2026-000", "0000-001", "2026-0600", "2026-03-01T11:30:.5", "9999-366", "2026-03-01T.5",
    "2026-03-01.5", "2026-060.25",
    "0000-01-01", "0001-01-01T00:00:00+23:59", "0001-01-01", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "17723664001234", "2026-03-02T12:00:01Z", "-1",
    "1" * 10_000, "1772366400.x", "٢٠٢٦-03-01", "2026-03-01\0",
    -1, 1772366400000, float("nan"), float("inf"), 10**400, True, [], {},
]  # fmt: skip


@pytest.mark.parametrize("value", NO_TIMES, ids=lambda value: ascii(value)[:20])
def test_what_is_no_believable_time_is_refused(value):
    """Neither the future, nor before 1970, nor milliseconds taken for seconds."""
    with pytest.raises(Rejected):
        validation.normalise_time(value, NOW_S)


SECONDS = st.floats(min_value=0, max_value=NOW_S)


@given(SECONDS, SECONDS)
def test_timestamps_sort_like_the_times_they_stand_for(one, other):
    """Text of fixed width: the store compares them as text."""
    earlier, later = sorted((one, other))

    assert timestamps.to_text(earlier) <= timestamps.to_text(later)
    assert len(timestamps.to_text(one)) == timestamps.WIDTH_CHARACTERS


@pytest.mark.parametrize(
    "text", ["0001-000", "9999-366", "9999-12-31T23.9999999999", "9999-12-31T23:59.9999999999Z"]
)
def test_at_the_ends_of_the_calendar_a_time_in_utc_is_one_or_a_value_error(text):
    """Who reads what another program wrote expects nothing else."""
    with contextlib.suppress(ValueError):
        assert timestamps.to_wall_s(text) <= timestamps.to_wall_s("9999-12-31") + 24 * HOUR_S


@given(SECONDS)
def test_a_timestamp_is_read_back_to_the_millisecond(seconds):
    """Formatting loses less than it shows."""
    text = timestamps.to_text(seconds)

    assert timestamps.to_wall_s(text) == pytest.approx(seconds, abs=0.0006)
    assert validation.normalise_time(text, NOW_S + 1) == text


def test_one_entry_is_normalised_whole():
    """Every field in the form that the tables hold."""
    made = make_entry("::ffff:192.0.2.1", "de", " Germany\n", 64496, "[b]", "2026-03-01", now_s=NOW_S)

    assert made == Entry("192.0.2.1", "DE", "Germany", "AS64496", "[b]", "2026-03-01T00:00:00.000Z")


FIELDS = st.none() | st.text(min_size=1).filter(lambda text: validation.clean_text(text) == text)


ENTRIES = st.builds(Entry, st.just("192.0.2.1"), FIELDS, FIELDS, FIELDS, FIELDS, st.just("x"))


@given(st.lists(ENTRIES, min_size=1))
def test_what_is_packed_is_what_is_staged(entries):
    """Whatever text validation leaves, and where fields are missing."""
    packed = [pack(entry) for entry in entries]

    assert list(flatten(packed)) == [field for entry in entries for field in entry]
