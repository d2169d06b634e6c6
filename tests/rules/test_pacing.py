"""The size of batches: a pure function of how long the last one took."""

from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import pacing
from bangui_cli.rules.pacing import next_batch_rows

spans_s = st.floats(0, 100)
sizes = st.integers(1, 1_000_000)


def simulate(per_row_s: float, commit_s: float, batches: int = 30) -> int:
    """Return the size that batches settle at on a machine of that speed."""
    rows = pacing.FIRST_BATCH_ROWS
    for _ in range(batches):
        rows = next_batch_rows(rows, rows * per_row_s, 10_000, commit_s=commit_s)
    return rows


@given(rows=sizes, work_s=spans_s, commit_s=spans_s, most_rows=sizes)
def test_a_batch_keeps_its_bounds(rows, work_s, commit_s, most_rows):
    """Never more than was allowed, never more than twice the last one, and never nothing."""
    following = next_batch_rows(rows, work_s, most_rows, commit_s=commit_s)

    assert 1 <= following <= most_rows
    assert following <= max(2 * rows, pacing.FEWEST_ROWS)


@given(per_row_s=st.floats(1e-6, 1e-4), commit_s=st.floats(0, 0.01))
def test_batches_settle_where_the_lock_is_held_for_the_target(per_row_s, commit_s):
    """A slow machine gets small batches; other writers wait no longer for it."""
    rows = simulate(per_row_s, commit_s)

    assert rows * per_row_s + commit_s <= pacing.TARGET_HOLD_S + pacing.LEAST_WORK_S
    assert rows == 10_000 or rows * per_row_s >= pacing.LEAST_WORK_S / 2


@given(per_row_s=st.floats(4e-6, 1e-4), commit_s=st.floats(0.01, 0.5))
def test_a_batch_works_as_long_as_a_slow_disk_takes(per_row_s, commit_s):
    """So that waiting is half of a sweep; but others wait no longer for that than they may."""
    work_s, row_s = simulate(per_row_s, commit_s) * per_row_s, per_row_s
    least_s = max(min(commit_s, pacing.LONGEST_HOLD_S - commit_s), pacing.LEAST_WORK_S)

    assert least_s - row_s <= work_s <= least_s + row_s
    assert work_s + commit_s <= max(pacing.LONGEST_HOLD_S, commit_s + pacing.LEAST_WORK_S) + row_s


def test_a_slow_disk_does_not_shrink_batches_to_nothing():
    """Each commit waits for it, so fewer rows a commit only make the flush wait more often."""
    assert simulate(per_row_s=1.5e-6, commit_s=0.1) > 5000


def test_one_slow_batch_is_no_pattern():
    """A single hiccup of the disk costs a factor of four at most."""
    assert next_batch_rows(8000, 30.0, 10_000) == 2000
