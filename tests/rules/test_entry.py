"""Which half of two entries counts: the one rule of staging, flush and lookup, as a pure function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import countries
from bangui_cli.rules.entry import Entry, known_country, latest_believable, merge
from bangui_cli.rules.validation import clean_text, normalise_country_code

LATEST = "5"
TIMES = st.sampled_from("12345678")
CODES = st.sampled_from([None, "DE", "FR"])
NETWORKS = st.sampled_from([(None, None), ("AS1", None), (None, "one"), ("AS2", "two")])


def entry(code, network, time):
    return Entry("192.0.2.1", code, code and code.lower(), *network, time)


ENTRIES = st.builds(entry, CODES, NETWORKS, TIMES)
BELIEVABLE = st.builds(entry, CODES, NETWORKS, st.sampled_from("12345"))
LISTS = st.lists(BELIEVABLE, min_size=1, max_size=5)


def stage_all(entries, known=None):
    for new in entries:
        known = new if known is None else merge(new, known, LATEST)
    return known


@given(ENTRIES, ENTRIES)
def test_each_half_is_one_of_the_two_whole(new, old):
    """A code with another's name, or an ASN with another's organisation, would be an invention."""
    made = merge(new, old, LATEST)

    assert made[1:3] in (new[1:3], old[1:3])
    assert made[3:5] in (new[3:5], old[3:5])
    assert made.resolved_at in (new.resolved_at, old.resolved_at)


@given(ENTRIES, ENTRIES)
def test_what_is_known_is_never_lost(new, old):
    """Whatever the times: not by a failed resolution, nor by a file that holds the other half alone."""
    made = merge(new, old, LATEST)

    assert made.knows_country == (new.knows_country or old.knows_country)
    assert made.knows_network == (new.knows_network or old.knows_network)


@given(ENTRIES, ENTRIES)
def test_a_time_of_the_future_replaces_nothing_that_is_known_of_now(new, old):
    """A clock that was wrong for a day must not decide for years; nor does it leave its time behind."""
    now = merge(new, old._replace(resolved_at="1"), LATEST)
    if new.resolved_at > LATEST and old.knows_country and old.knows_network:
        assert now == old._replace(resolved_at="1")


@given(ENTRIES)
def test_an_entry_that_comes_twice_changes_nothing(new):
    """Staged again, or flushed again after a kill."""
    assert merge(new, new, LATEST) == new


@given(LISTS, BELIEVABLE)
def test_an_import_that_is_repeated_changes_nothing(entries, cached):
    """Neither in the dirty set nor, after a flush of both, in the cache."""
    dirty = stage_all(entries)
    flushed = merge(dirty, cached, LATEST)

    assert stage_all(entries, dirty) == dirty
    assert merge(dirty, flushed, LATEST) == flushed


@given(LISTS, BELIEVABLE)
def test_entries_that_grow_newer_may_be_flushed_at_any_moment(entries, cached):
    """One that knows something leaves the same, whether others were flushed before it came or not."""
    known = [new._replace(country_code=new.country_code or "DE") for new in entries]
    newer = [new._replace(resolved_at=time) for new, time in zip(known, "12345", strict=False)]
    first = cached._replace(resolved_at="0")

    assert merge(stage_all(newer), first, LATEST) == stage_all(newer, first)


def test_the_future_begins_a_day_ahead():
    """As far ahead as a time is taken at all."""
    assert latest_believable(1_700_000_000.0) == "2023-11-15T22:13:20.000Z"


@pytest.mark.parametrize(
    ("code", "known"),
    [("DE", "DE"), ("fr", "FR"), ("UK", "GB"), ("uk", "GB"), ("EU", "EU"), ("XK", "XK"),
     *((code, None) for code in (None, "", "-", "XX", "xx", "Xx", "ZZ"))],
)  # fmt: skip
def test_a_code_stands_for_a_country_or_for_none(code, known):
    """In any spelling, as it is imported and as another program has cached it."""
    assert known_country(code) == known
    assert normalise_country_code(code) == known


def test_every_country_has_a_name_that_needs_no_cleaning():
    """The 249 of ISO 3166-1 and Kosovo; what is no country has none."""
    names = countries._NAMES

    assert len(names) == 250
    assert all(normalise_country_code(code) == code for code in names)
    assert all(clean_text(name) == name for name in names.values())
    assert [countries.short_name(code) for code in ("DE", "KR", "XK", "CI", "EU")] == [
        "Germany", "South Korea", "Kosovo", "Côte d'Ivoire", None,
    ]  # fmt: skip
