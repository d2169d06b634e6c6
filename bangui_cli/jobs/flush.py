"""The job `geo_cache_flush`: one ordered sweep over the dirty set, in short transactions."""

from collections.abc import Callable

from bangui_cli.access import locking
from bangui_cli.host import clocks
from bangui_cli.jobs.report import OK
from bangui_cli.jobs.run import Run
from bangui_cli.rules import pacing, timestamps
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
        holding = locking.rehearse(run.store, settings.instance, settings.lock_ttl)
        report.flushed, report.remaining = run.store.count_dirty_rows(), 0
    report.take_down_lock(holding)
    if holding.judgement.outcome != REFRESHED:
        report.lock["lease_id"] = None  # a new lease's ID is not known before it is taken


def flush(run: Run, wait_s: float, progress: Progress) -> None:
    """Move the dirty set into the cache. Raise LockHeld, LeaseLost or DeadlineExceeded."""
    report = run.report
    if not _take_lock(run, wait_s):
        report.remaining = 0
        return
    with run.store.many_commits():
        _sweep(run, progress)
    report.remaining = run.count_remaining()
    run.invocation.log.emit(
        events.FLUSH_RAN,
        flushed=report.flushed,
        remaining=report.remaining,
        duration_s=report.duration_s(),
    )


def total_rows(run: Run) -> int | None:
    """Count what this sweep has to move in all, for a progress bar."""
    left = run.count_remaining()
    return None if left is None else (run.report.flushed or 0) + left


def _take_lock(run: Run, wait_s: float) -> bool:
    """Come by the lock, waiting up to `wait_s` for it; return whether there is anything to flush."""
    give_up_s = clocks.monotonic_s() + wait_s
    while True:
        try:
            return run.take_lock(run.store.has_dirty_rows)
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
    most_rows = run.settings.batch_size
    rows = min(pacing.FIRST_BATCH_ROWS, most_rows)
    rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S
    while after is not None:
        run.deadline.check()
        after, work_s, commit_s = _move_batch(run, after, rows)
        progress(run.report.flushed or 0)
        rows = pacing.next_batch_rows(rows, work_s, most_rows, commit_s=commit_s)
        if after is not None and clocks.monotonic_s() >= rest_s:
            clocks.sleep_s(min(pacing.REST_S, run.deadline.remaining_s()))
            rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S


def _move_batch(run: Run, after: str, rows: int) -> tuple[str | None, float, float]:
    """Move one batch in one transaction: fence and heartbeat, upsert, delete, count.

    Return where the next one begins, None at the end, and how long work and commit took.
    """
    flushed = run.report.flushed or 0
    with run.store.transaction():
        began_s = clocks.monotonic_s()
        run.renew()
        batch = run.store.move_batch(after, rows, timestamps.to_text(clocks.wall_s()))
        run.store.add_flushed(run.job.id, batch.rows)
        if batch.through is None:
            run.record_finish(OK, flushed + batch.rows)
        worked_s = clocks.monotonic_s()
    run.report.flushed = flushed + batch.rows
    return batch.through, worked_s - began_s, clocks.monotonic_s() - worked_s
