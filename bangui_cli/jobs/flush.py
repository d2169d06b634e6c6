"""The job `geo_cache_flush`: one ordered sweep over the dirty set, in short transactions."""

from collections.abc import Callable

from bangui_cli.access import locking
from bangui_cli.host import clocks
from bangui_cli.jobs.report import OK
from bangui_cli.jobs.run import Run
from bangui_cli.rules import pacing
from bangui_cli.rules.lease import REFRESHED
from bangui_cli.states import events
from bangui_cli.states.errors import LockHeld

_RETRY_S = 0.1

Progress = Callable[[int], None]


def rehearse(run: Run) -> None:
    """Report what a flush right now would do, changing nothing. Raise LockHeld."""
    report, settings = run.report, run.settings
    with run.store.snapshot():
        run.store.require_schema()
        holding = locking.hold(run.store.situation(), settings.instance, settings.lock_ttl)
        report.counts |= {"flushed": run.store.count_dirty_rows(), "remaining": 0}
    report.take_down_lock(holding)
    if holding.judgement.outcome != REFRESHED:
        report.lock["lease_id"] = None  # a new lease's ID is not known before it is taken


def flush(run: Run, wait_s: float, progress: Progress) -> None:
    """Move the dirty set into the cache. Raise LockHeld, LeaseLost or DeadlineExceeded."""
    report = run.report
    if not _take_lock(run, wait_s):
        report.counts["remaining"] = 0
        return
    with run.store.sweeping():
        _sweep(run, progress)
    report.counts["remaining"] = run.count_remaining()
    run.invocation.log.emit_end(events.FLUSH_RAN, OK, **report.counts, duration_s=report.duration_s())


def total_rows(run: Run) -> int | None:
    """Count what this sweep has to move in all, for a progress bar."""
    left = run.count_remaining()
    return None if left is None else (run.report.counts["flushed"] or 0) + left


def _take_lock(run: Run, wait_s: float) -> bool:
    """Come by the lock, waiting up to `wait_s` for it; return whether there is anything to flush."""
    give_up_s = clocks.monotonic_s() + wait_s
    while True:
        try:
            return run.take_lock(wants_work=True)
        except LockHeld:
            run.deadline.check()
            # A lock that is still held at the end of the timeout is a held lock, not a pass cut short.
            left_s = min(give_up_s - clocks.monotonic_s(), run.deadline.remaining_s() - _RETRY_S)
            if left_s <= 0:
                raise
        clocks.sleep_s(min(_RETRY_S, left_s))


def _sweep(run: Run, progress: Progress) -> None:
    """Move batch after batch, in `ip` order, to the end of the sweep.

    Rows that are staged behind the sweep wait for the next run, so it ends also while others stage.
    """
    after: str | None = ""
    counts = run.report.counts
    most_rows = run.settings.batch_size
    rows = min(pacing.FIRST_BATCH_ROWS, most_rows)
    rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S
    while after is not None:
        run.deadline.check()
        batch = run.move_batch(after, rows)
        after, moved = batch.through, (counts["flushed"] or 0) + batch.rows
        counts["flushed"] = moved
        progress(moved)
        rows = pacing.next_batch_rows(rows, batch.work_s, most_rows, commit_s=batch.commit_s)
        if after is not None and clocks.monotonic_s() >= rest_s:
            clocks.sleep_s(min(run.store.rest_s, run.deadline.remaining_s()))
            rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S
