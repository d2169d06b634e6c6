"""The job `geo_cache_flush`: one ordered sweep over the dirty set, in short transactions."""

from bangui_cli.access import locking
from bangui_cli.jobs.catalogue import OK
from bangui_cli.jobs.run import Run
from bangui_cli.states import events
from bangui_cli.store import Batch


def rehearse(run: Run) -> None:
    """Report what a flush right now would do, changing nothing. Raise LockHeld."""
    report, settings = run.report, run.settings
    with run.store.snapshot():
        run.store.require_schema()
        holding = locking.hold(run.store.situation(), settings.instance, settings.lock_ttl)
        report.counts |= {"flushed": run.store.count_dirty_rows(), "remaining": 0}
    report.foretell_lock(holding)


def flush(run: Run, wait_s: float) -> None:
    """Move the dirty set into the cache. Raise LockHeld, LeaseLost or DeadlineExceeded."""
    report = run.report
    if not run.take_lock(lambda situation: situation.has_dirty_rows, wait_s):
        report.counts["remaining"] = 0
        return
    _sweep(run)
    report.counts["remaining"] = run.count_remaining()
    run.invocation.log.emit_end(events.FLUSH_RAN, OK, **report.counts, duration_s=report.duration_s())


def _sweep(run: Run) -> None:
    """Move all that is dirty by now.

    Rows that are staged behind the sweep wait for the next run, so it ends also while others stage.
    """
    # An empty pass does without.
    from bangui_cli.jobs.sweep import sweep
    from bangui_cli.telling.progress import ProgressBar

    report, bar = run.report, ProgressBar("flushing", lambda: _total_rows(run))

    def move(lease_id: str, after: str, rows: int) -> Batch | None:
        finish = run.finish(OK, report.counts["flushed"])
        return run.store.move_batch(lease_id, after, rows, finish)

    def tell(rows: int) -> None:
        report.counts["flushed"] = moved = (report.counts["flushed"] or 0) + rows
        bar.update(moved)

    with bar, run.store.sweeping():
        sweep(run, move, tell, run.settings.batch_size)


def _total_rows(run: Run) -> int | None:
    """Count what this sweep has to move in all, for a progress bar."""
    left = run.count_remaining()
    return None if left is None else (run.report.counts["flushed"] or 0) + left
