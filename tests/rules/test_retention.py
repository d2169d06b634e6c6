"""How long things are kept."""

from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import timestamps
from bangui_cli.rules.retention import retention

NOW_S = 1_790_000_000.0


def test_what_is_older_than_the_age_is_no_longer_kept():
    """The text sorts as the rows do."""
    assert retention(NOW_S, 86400, 2 * 86400) == (
        timestamps.to_text(NOW_S - 86400),
        timestamps.to_text(NOW_S - 2 * 86400),
    )


@given(st.floats(0, 4e9), st.none() | st.floats(0.001, 3e9))
def test_nothing_that_is_younger_is_before_it_whatever_the_clock_says(now_s, age_s):
    """A clock that has gone back to 1970 must not make all times old."""
    before = retention(now_s, age_s, None).cache_before

    assert age_s is not None or before == ""
    assert timestamps.to_text(now_s) >= before
    assert before <= timestamps.to_text(max(now_s - (age_s or 0), 0))
