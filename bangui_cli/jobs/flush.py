"""The job `geo_cache_flush`: one ordered sweep over the dirty set, in short transactions."""

from collections.abc import Callable

from bangui_cli import clocks, events, locking, timestamps
from bangui_cli.errors import LockHeld
from bangui_cli.jobs import pacing
from bangui_cli.jobs.run import OK, Run

_RETRY_S = 0.1

Progress = Callable[[int], None]


def rehearse(run: Run) -> None:
    """Report what a flush right now would do, changing nothing. Raise LockHeld."""
    with run.store.snapshot():
        run.store.require_schema()
        settings = run.settings
        holding = locking.rehearse(run.store, settings.instance, settings.lock_ttl)
        run.hold(holding)
        if holding.judgement.outcome != "refreshed":
            run.lock["lease_id"] = None
        run.flushed, run.remaining = run.store.count_dirty_rows(run.deadline), 0
    run.deadline.check()


def flush(run: Run, wait_s: float, progress: Progress) -> None:
    """Move the dirty set into the cache. Raise LockHeld, LeaseLost or DeadlineExceeded."""
    is_empty = _begin(run, wait_s)
    if is_empty:
        run.remaining = 0
        return
    with run.store.many_commits():
        _sweep(run, progress)
    with run.store.snapshot():
        run.remaining = run.store.count_dirty_rows(run.deadline)
    run.invocation.log.emit(
        events.FLUSH_RAN,
        flushed=run.flushed,
        remaining=run.remaining,
        duration_s=run.duration_s(),
    )


def total_rows(run: Run) -> int | None:
    """Count what this sweep has to move in all, for a progress bar."""
    with run.store.snapshot():
        left = run.store.count_dirty_rows(run.deadline)
    return None if left is None else (run.flushed or 0) + left


def _begin(run: Run, wait_s: float) -> bool:
    """Come by the lock, waiting up to `wait_s` for it; return whether there is nothing to flush."""
    give_up_s = clocks.monotonic_s() + wait_s
    while True:
        try:
            with run.store.transaction():
                holding = run.acquire()
                is_empty = not run.store.has_dirty_rows()
                if is_empty:
                    run.record_finish(OK)
            locking.log_outcome(run.invocation.log, holding)
            return is_empty
        except LockHeld:
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
    rows = min(pacing.FIRST_BATCH_ROWS, run.settings.batch_size)
    rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S
    while after is not None:
        run.deadline.check()
        after, held_s = _move_batch(run, after, rows)
        progress(run.flushed or 0)
        rows = pacing.next_batch_rows(rows, held_s, run.settings.batch_size)
        if after is not None and clocks.monotonic_s() >= rest_s:
            clocks.sleep_s(min(pacing.REST_S, run.deadline.remaining_s()))
            rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S


def _move_batch(run: Run, after: str, rows: int) -> tuple[str | None, float]:
    """Move one batch in one transaction: fence and heartbeat, upsert, delete, count.

    Return where the next one begins, None at the end, and how long the write lock was held.
    """
    flushed = run.flushed or 0
    with run.store.transaction():
        began_s = clocks.monotonic_s()
        run.renew()
        batch = run.store.move_batch(after, rows, timestamps.to_text(clocks.wall_s()))
        run.store.add_flushed(run.job.id, batch.rows)
        if batch.through is None:
            run.record_finish(OK, flushed + batch.rows)
    run.flushed = flushed + batch.rows
    return batch.through, clocks.monotonic_s() - began_s
