"""Tables: aligned, within the width of a terminal, and without a letter lost."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.telling import tables

WORDS = st.text(st.sampled_from("abcde日e\u0301 -/_1"), max_size=60).map(str.strip)
HEADS = st.text(st.sampled_from("abc_"), max_size=12)


def row(count, cells):
    return st.lists(cells, min_size=count, max_size=count)


CELLS = st.integers(1, 7).flatmap(
    lambda count: st.builds(
        lambda heads, rows: [heads, *rows],
        row(count, HEADS),
        st.lists(row(count, WORDS), min_size=1, max_size=4),
    )
)


def letters(texts):
    """Return what must be shown, however it is broken: a blank may become an end of line."""
    return Counter(letter for text in texts for letter in text if letter not in " _")


@given(CELLS, st.integers(20, 120))
def test_a_table_fits_and_loses_nothing(cells, columns):
    """A terminal breaks a line that is too long anywhere; a dump of a table is data, too."""
    heads, *rows = cells
    lines = list(tables.table(heads, rows, columns))
    shown = letters(lines)

    assert max(map(tables.width, lines), default=0) <= columns
    for row in rows:
        assert letters(row) <= shown
    assert letters(text for row in rows for text in row) <= shown


@given(CELLS)
def test_a_pipe_gets_a_line_a_row(cells):
    """Whoever counts, cuts or greps lines must not depend on a width."""
    heads, *rows = cells

    assert len(list(tables.table(heads, rows, None))) == 1 + len(rows)


def test_what_fits_is_one_line_a_row_under_its_heads():
    """The same as in a pipe."""
    assert list(tables.table(["ip", "org"], [["192.0.2.1", "x"], ["::1", "yy"]], 14)) == [
        "ip         org",
        "192.0.2.1  x",
        "::1        yy",
    ]


def test_a_long_text_is_broken_at_blanks_in_its_column():
    """The other columns stay readable; a head gives way at its underlines."""
    assert list(tables.table(["country_code", "org"], [["DE", "Example Company of Germany"]], 26)) == [
        "country  org",
        "code",
        "DE       Example Company",
        "         of Germany",
    ]


def test_columns_that_would_be_too_narrow_become_one_value_a_line():
    """Of seven columns on 40 none would be readable."""
    rows = [["2001:db8::1", "DE", "x"], ["2001:db8::2", "FR", "y"]]

    assert list(tables.table(["ip", "country", "organisation"], rows, 30)) == [
        "ip            2001:db8::1",
        "country       DE",
        "organisation  x",
        "",
        "ip            2001:db8::2",
        "country       FR",
        "organisation  y",
    ]


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (None, ["  path  /var/lib/bangui/bangui.db"]),
        (40, ["  path  /var/lib/bangui/bangui.db"]),
        (32, ["  path", "    /var/lib/bangui/bangui.db"]),
    ],
)
def test_a_word_that_does_not_fit_beside_its_name_goes_below_it(columns, lines):
    """A path that is broken cannot be pasted."""
    assert tables.pairs(["path"], ["/var/lib/bangui/bangui.db"], columns, indent="  ") == lines
