"""Collect what `status` shows, in one snapshot."""

from typing import Any

from bangui_cli import clocks, locking, timestamps
from bangui_cli.jobs.catalogue import JOBS
from bangui_cli.store.sqlite import Store
from bangui_cli.store.statements import JOB_STATE_COLUMNS

_TOTALS = ("runs_total", "failures_total", "consecutive_failures", "flushed_total")


def collect(store: Store, instance: str) -> dict[str, Any]:
    """Return the state of database, lock, dirty set, cache and jobs. Wants a snapshot."""
    cache_rows, unresolved = store.count_cache_rows()
    return {
        "database": {
            "path": store.path,
            "journal_mode": store.journal_mode(),
            "schema": store.last_migration(),
            "size_bytes": store.size_bytes(),
        },
        "lock": locking.describe(*locking.inspect(store, instance)),
        "dirty": _dirty(store),
        "cache": {"rows": cache_rows, "unresolved": unresolved},
        "jobs": _jobs(store),
    }


def _dirty(store: Store) -> dict[str, Any]:
    oldest = store.oldest_dirty()
    age_s = None if oldest is None else max(clocks.wall_s() - timestamps.to_wall_s(oldest), 0.0)
    return {
        "rows": store.count_dirty_rows(),
        "oldest_resolved_at": oldest,
        "oldest_age_s": None if age_s is None else round(age_s, 3),
    }


def _jobs(store: Store) -> dict[str, dict[str, Any]]:
    states = store.job_states()
    never = {**dict.fromkeys(JOB_STATE_COLUMNS), **dict.fromkeys(_TOTALS, 0)}
    return {job.id: states.get(job.id, never) for job in JOBS}
