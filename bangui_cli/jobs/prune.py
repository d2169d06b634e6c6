"""The job `geo_cache_cleanup`: delete in short transactions what is no longer kept."""

from collections.abc import Callable

from bangui_cli.access import locking
from bangui_cli.jobs.catalogue import OK
from bangui_cli.jobs.run import Run
from bangui_cli.jobs.sweep import sweep
from bangui_cli.rules import pacing
from bangui_cli.rules.retention import Retention, retention
from bangui_cli.settings.table import Settings
from bangui_cli.states import events
from bangui_cli.store import Batch

Progress = Callable[[int], None]


def rehearse(run: Run, *, compact: bool) -> None:
    """Report what a prune right now would do, changing nothing. Raise LockHeld."""
    report, settings = run.report, run.settings
    with run.store.snapshot():
        run.store.require_schema()
        situation = run.store.situation()
        holding = locking.hold(situation, settings.instance, settings.lock_ttl)
        prunable = run.upkeep.count_prunable(_retention(run))
    report.foretell_lock(holding)
    report.counts |= {"pruned_cache": prunable.cache_rows, "pruned_history": prunable.history_rows}
    if compact:
        report.counts["freed_bytes"] = None  # only the deed tells


def prune(run: Run, wait_s: float, progress: Progress, *, compact: bool) -> None:
    """Delete what is no longer kept, bans first: what refers to an address is judged by what stays.

    Raise LockHeld, LeaseLost, DeadlineExceeded, and what `compact` raises.
    """
    run.take_lock(lambda _: True, wait_s)
    size_bytes = run.upkeep.size_bytes()
    with run.upkeep.pruning():
        _sweep(run, progress)
    if compact:
        run.under_fence(run.upkeep.compact)
    counts = run.report.counts
    counts["freed_bytes"] = max(size_bytes - run.upkeep.size_bytes(), 0)
    if any(counts.values()):
        duration_s = run.report.duration_s()
        run.invocation.log.emit_end(events.PRUNE_RAN, OK, **counts, duration_s=duration_s)


def _sweep(run: Run, progress: Progress) -> None:
    kept, store, counts = _retention(run), run.upkeep, run.report.counts

    def tell(key: str) -> Callable[[int], None]:
        def add(rows: int) -> None:
            counts[key] = (counts[key] or 0) + rows
            progress(sum(filter(None, counts.values())))

        return add

    def prune_history(lease_id: str, _: str, rows: int) -> Batch | None:
        return store.prune_history(lease_id, rows, kept)

    def prune_cache(lease_id: str, after: str, rows: int) -> Batch | None:
        finish = run.finish(OK, counts["pruned_cache"])
        return store.prune_cache(lease_id, after, rows, kept, finish)

    most_rows = _most_rows(run.settings)
    sweep(run, prune_history, tell("pruned_history"), most_rows)
    sweep(run, prune_cache, tell("pruned_cache"), most_rows, pacing.FIRST_PRUNED_ROWS)


def _most_rows(settings: Settings) -> int:
    """Return the size that was asked for, else a prune's own: the setting's default is a flush's."""
    size = settings["batch_size"]
    return pacing.MOST_PRUNED_ROWS if size.source == "default" else int(size.value)


def total_rows(run: Run) -> int:
    """Count what is to be deleted in all, for a progress bar."""
    with run.store.snapshot():
        left = run.upkeep.count_prunable(_retention(run))
    return sum(left) + sum(filter(None, run.report.counts.values()))


def _retention(run: Run) -> Retention:
    settings = run.settings
    return retention(run.store.now().wall_s, settings.cache_retention, settings.history_retention)
