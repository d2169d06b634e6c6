"""Collect what `status` shows, in one snapshot."""

from typing import Any

from bangui_cli.access import locking
from bangui_cli.jobs.catalogue import LOCK_KEEPERS
from bangui_cli.rules import timestamps
from bangui_cli.store import Store


def collect(store: Store, instance: str) -> dict[str, Any]:
    """Return the state of database, lock, dirty set, cache and jobs. Wants a snapshot."""
    now_s = store.now().wall_s
    cache_rows, unresolved = store.count_cache_rows()
    return {
        "database": _database(store),
        "lock": locking.describe(*locking.inspect(store, instance)),
        "dirty": _dirty(store, now_s),
        "cache": {"rows": cache_rows, "unresolved": unresolved},
        "jobs": _jobs(store, now_s),
    }


def _database(store: Store) -> dict[str, Any]:
    initialised_s = epoch_s(store.initialised_at())
    initialised_at = None if initialised_s is None else timestamps.to_text(initialised_s)
    return {**store.describe(), "initialised_at": initialised_at}


def _dirty(store: Store, now_s: float) -> dict[str, Any]:
    oldest = store.oldest_dirty()
    return {
        "rows": store.count_dirty_rows(),
        "oldest_resolved_at": oldest,
        "oldest_age_s": _age_s(oldest, now_s),
    }


def _jobs(store: Store, now_s: float) -> dict[str, dict[str, Any]]:
    """Return the state of each job; one that never succeeded is as late as the database is old."""
    initialised_at = store.initialised_at()
    jobs = {job.id: store.job_state(job.id) for job in LOCK_KEEPERS}
    for job in jobs.values():
        job["success_age_s"] = _age_s(job["last_success_at"] or initialised_at, now_s)
    return jobs


def _age_s(text: str | None, now_s: float) -> float | None:
    moment_s = epoch_s(text)
    return None if moment_s is None else round(max(now_s - moment_s, 0.0), 3)


def epoch_s(text: str | None) -> float | None:
    """Return the seconds since the epoch, None for nothing and for what is no time."""
    try:
        return None if text is None else timestamps.to_wall_s(text)
    except ValueError:
        return None
