"""Tables are laid out in the columns that letters take, and cut to those that there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.telling import columns
from bangui_cli.telling.readable import counted

CJK = "\N{CJK UNIFIED IDEOGRAPH-65E5}"
cells = st.text(st.sampled_from(["a", "é", CJK, "\N{COMBINING ACUTE ACCENT}", "…"]), max_size=60)
tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=5)
)


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        (CJK * 3, 6, CJK * 3),
        (CJK * 4, 6, CJK * 2 + "…"),
        ("", 1, ""),
    ],
)
def test_a_text_is_cut_by_the_columns_it_takes(text, most, cut):
    """A letter of CJK takes two."""
    assert columns.clip(text, most) == cut


@given(cells, st.integers(1, 80))
def test_what_is_cut_fits(text, most):
    """And what fits is not cut."""
    cut = columns.clip(text, most)

    assert columns.width(cut) <= most
    assert (cut == text) == (columns.width(text) <= most)


@given(tables, st.integers(1, 200))
def test_a_table_fits_where_cutting_long_cells_allows_it(lines, most):
    """No column is cut below 8; without a width, nothing is."""
    laid_out = columns.table(lines, most).split("\n")

    assert len(laid_out) == len(lines)
    least = sum(min(8, max(map(columns.width, cells))) for cells in zip(*lines, strict=True))
    assert max(map(columns.width, laid_out)) <= max(most, least + 2 * (len(lines[0]) - 1))
    assert columns.table(lines).split("\n")[0].startswith(lines[0][0])


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1234567, "1,234,567 rows")]
)
def test_one_is_no_plural(count, text):
    """Numbers are written for people."""
    assert counted(count, "row", "rows") == text
