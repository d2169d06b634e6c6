"""Sweep over many rows in short transactions under the fence, with rests that let other writers in."""

from collections.abc import Callable

from bangui_cli.host import clocks
from bangui_cli.jobs.run import Run
from bangui_cli.rules import pacing
from bangui_cli.store import Batch

Write = Callable[[str, str, int], Batch | None]
"""Given lease, last address and the most rows, do the next batch; None where the lease is lost."""


def sweep(
    run: Run,
    write: Write,
    tell: Callable[[int], None],
    most_rows: int,
    first_rows: int = pacing.FIRST_BATCH_ROWS,
) -> None:
    """Write batch after batch, each to hold others up as long as the last, to the end of the sweep.

    `tell` is told the rows of each batch that is committed. Raise LeaseLost or DeadlineExceeded.
    """
    after: str | None = ""
    rows = min(first_rows, most_rows)
    rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S
    while after is not None:
        run.deadline.check()
        batch = _next(run, write, after, rows)
        after = batch.through
        tell(batch.rows)
        rows = pacing.next_batch_rows(
            rows, batch.work_s, most_rows, run.store.target_hold_s, commit_s=batch.commit_s
        )
        if after is not None and clocks.monotonic_s() >= rest_s:
            clocks.sleep_s(min(run.store.rest_s, run.deadline.remaining_s()))
            rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S


def _next(run: Run, write: Write, after: str, rows: int) -> Batch:
    return run.under_fence(lambda lease_id: write(lease_id, after, rows))
