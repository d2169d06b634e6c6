"""Collect what `status` shows, in one snapshot."""

from typing import Any

from bangui_cli.access import locking
from bangui_cli.health.outlook import EVERYTHING, Outlook
from bangui_cli.jobs.catalogue import COLLECT, JOBS, LOCK_KEEPERS, Job
from bangui_cli.rules import lease, timestamps
from bangui_cli.store import Store
from bangui_cli.store.bans import BanFilter


def collect(store: Store, instance: str, outlook: Outlook = EVERYTHING) -> dict[str, Any]:
    """Return the state of database, lock, dirty set, cache, history and jobs. Wants a snapshot."""
    now_s = store.now().wall_s
    cache_rows, unresolved = store.count_cache_rows()
    return {
        "database": _database(store),
        "lock": locking.describe(*locking.inspect(store, instance)),
        "dirty": _dirty(store, now_s),
        "cache": {"rows": cache_rows, "unresolved": unresolved},
        "history": _history(store, now_s),
        "geoip": _geoip(outlook, now_s),
        "instances": _instances(store, instance),
        "jobs": _jobs(store, instance, outlook, now_s),
    }


def _instances(store: Store, instance: str) -> dict[str, dict[str, Any]]:
    """Return who collects bans here and who holds the lock; that one is active."""
    lock = locking.describe(*locking.inspect(store, instance))
    active = lock["owner"] if lock["verdict"] in (lease.MINE, lease.HELD) else None
    collected = store.last_successes(COLLECT.id)
    names = sorted({*collected, *filter(None, [active])})
    return {name: {"last_collect_at": collected.get(name), "active": name == active} for name in names}


def _database(store: Store) -> dict[str, Any]:
    initialised_s = epoch_s(store.initialised_at())
    initialised_at = None if initialised_s is None else timestamps.to_text(initialised_s)
    return {**store.describe(), "initialised_at": initialised_at}


def _dirty(store: Store, now_s: float) -> dict[str, Any]:
    oldest = store.oldest_dirty()
    return {
        "rows": store.count_dirty_rows(),
        "oldest_resolved_at": oldest,
        "oldest_age_s": _age_s(epoch_s(oldest), now_s),
    }


def _history(store: Store, now_s: float) -> dict[str, Any]:
    extent = store.bans.extent(BanFilter())
    return {
        "rows": extent.bans,
        "oldest_banned_at": extent.oldest_at,
        "oldest_age_s": _age_s(epoch_s(extent.oldest_at), now_s),
        "newest_banned_at": extent.newest_at,
        "newest_age_s": _age_s(epoch_s(extent.newest_at), now_s),
    }


def _geoip(outlook: Outlook, now_s: float) -> dict[str, Any]:
    """Return the MMDB files; of them the oldest is told."""
    oldest_s = min((built for built in outlook.mmdb_files.values() if built is not None), default=None)
    return {
        "files": {path: _to_text(built_s) for path, built_s in outlook.mmdb_files.items()},
        "oldest_built_at": _to_text(oldest_s),
        "oldest_age_s": _age_s(oldest_s, now_s),
    }


def _jobs(store: Store, instance: str, outlook: Outlook, now_s: float) -> dict[str, dict[str, Any]]:
    """Return the state of each job that this host schedules, or has run."""
    initialised_s = epoch_s(store.initialised_at())
    jobs = {job.id: store.job_state(job.id, "" if job.under_lock else instance) for job in JOBS}
    return {
        job.id: {**jobs[job.id], **_expectation(job, jobs[job.id], outlook, initialised_s, now_s)}
        for job in JOBS
        if job in LOCK_KEEPERS or job.id in outlook.scheduled or jobs[job.id]["runs_total"]
    }


def _expectation(
    job: Job, state: dict[str, Any], outlook: Outlook, initialised_s: float | None, now_s: float
) -> dict[str, Any]:
    """Say how late a job is, and whether it is to be on time.

    One that never succeeded is as late as the database is old, or its schedule, which came later. What
    this host has no use for, or what nobody has scheduled and nothing has done yet, is not awaited.
    """
    is_scheduled, last_success_s = job.id in outlook.scheduled, epoch_s(state["last_success_at"])
    moments = (initialised_s, outlook.scheduled.get(job.id))
    since_s = max((moment for moment in moments if moment is not None), default=None)
    is_in_use = job.id in outlook.useful and (is_scheduled or state["last_success_at"] is not None)
    return {
        "success_age_s": _age_s(last_success_s or since_s, now_s),
        "is_scheduled": is_scheduled,
        "is_awaited": job in LOCK_KEEPERS or is_in_use,
    }


def _age_s(moment_s: float | None, now_s: float) -> float | None:
    return None if moment_s is None else round(max(now_s - moment_s, 0.0), 3)


def _to_text(moment_s: float | None) -> str | None:
    return None if moment_s is None else timestamps.to_text(moment_s)


def epoch_s(text: str | None) -> float | None:
    """Return the seconds since the epoch, None for nothing and for what is no time."""
    try:
        return None if text is None else timestamps.to_wall_s(text)
    except ValueError:
        return None
