"""A cell that a spreadsheet would run is text after all."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bangui_cli.rules.spreadsheets import defuse, restore


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("=1+1", "'=1+1"),
        ("-", "'-"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("x;=cmd|calc!A0", "x;'=cmd|calc!A0"),
        ("x, +1", "x, '+1"),
        ('x;"=1+1"', 'x;"\'=1+1"'),
        ('x, "" -1', 'x, "" \'-1'),
        ("\t=1", "'\t'=1"),
        ("a\r\n=1", "a\r\n'=1"),
        ("Deutsche Telekom AG", "Deutsche Telekom AG"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ("A-Net, Inc. - c/o B+C", "A-Net, Inc. - c/o B+C"),
        ("", ""),
    ],
)
def test_an_apostrophe_stands_wherever_a_formula_could_begin(text, defused):
    """At the beginning, and behind what another reader takes for a separator; honest names stay."""
    assert defuse(text) == defused


@given(st.text(st.sampled_from(list("=+-@ ,;|\t\r\nx'\"\uff1d"))))
def test_what_is_defused_stays_so(text):
    """Whatever separators there are, and however many blanks stand before it."""
    cells = defuse(text).translate(dict.fromkeys(map(ord, ",;|\n"), "\0")).split("\0")

    begin = [cell.lstrip(' "' if number else " ") for number, cell in enumerate(cells)]
    assert not any(text.startswith(tuple("=+-@\uff1d\t\r")) for text in begin)


@given(st.text(st.sampled_from(list("=+-@ ,;|\t\r\nx'\"\uff1d"))))
@example("'=1")
def test_what_is_defused_can_be_told_again(text):
    """An export must come back as it was, also where a text has apostrophes of its own."""
    assert restore(defuse(text)) == text
