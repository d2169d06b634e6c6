"""Numbers as people read them."""

import pytest

from bangui_cli.telling.readable import counted


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((0, "row"), "0 rows"),
        ((1, "row"), "1 row"),
        ((2, "row"), "2 rows"),
        ((1234567, "row"), "1,234,567 rows"),
        ((1, "address", "addresses"), "1 address"),
        ((3, "address", "addresses"), "3 addresses"),
    ],
)
def test_what_is_counted_agrees_with_its_number(words, text):
    """No "1 rows", and thousands in groups."""
    assert counted(*words) == text
