"""Lay the state out as metrics for node_exporter's textfile collector.

The job's ID is the label `job_id`: `job` is Prometheus' own, and names the scrape. Moments are given
as seconds since the epoch, not as ages, because the file is older than the scrape.
"""

from collections.abc import Iterator
from typing import Any

from bangui_cli import __version__
from bangui_cli.health import ages
from bangui_cli.health.ages import Age
from bangui_cli.health.collect import epoch_s
from bangui_cli.jobs.catalogue import FLUSH, JOBS, LOCK_KEEPERS, Job
from bangui_cli.rules import lease
from bangui_cli.settings.table import Settings
from bangui_cli.telling import exposition
from bangui_cli.telling.exposition import Metric, Sample

_VERDICTS = (lease.MINE, lease.HELD, lease.EXPIRED, lease.FREE)
_JOB_METRICS = (
    ("runs_total", "counter", "Runs, those that found the lock held left out.", "runs_total"),
    ("failures_total", "counter", "Of these, runs that failed.", "failures_total"),
    ("consecutive_failures", "gauge", "Failures since the last success.", "consecutive_failures"),
    ("last_duration_seconds", "gauge", "Duration of the last finished run.", "last_duration_s"),
)
_JOB_MOMENTS = (
    ("last_start_timestamp_seconds", "Start of the last run, 0 if none.", "last_started_at"),
    ("last_finish_timestamp_seconds", "End of the last finished run, 0 if none.", "last_finished_at"),
    ("last_success_timestamp_seconds", "End of the last successful run, 0 if none.", "last_success_at"),
)


def render(state: dict[str, Any], settings: Settings) -> str:
    """Return the document for a state that could be read."""
    return exposition.render(
        [
            *_head(is_up=True),
            *_database(state),
            *_memory(state),
            *_lock(state["lock"]),
            *_jobs(state, settings),
        ]
    )


def render_down() -> str:
    """Return the document for a state that could not be read: silence would keep the old one."""
    return exposition.render(_head(is_up=False))


def _head(*, is_up: bool) -> Iterator[Metric]:
    yield Metric("up", "gauge", "Whether the state could be read (1) or not (0).", [Sample(is_up)])
    version = Sample(1, {"version": __version__})
    yield Metric("build_info", "gauge", "The version of bangui that wrote this.", [version])


def _database(state: dict[str, Any]) -> Iterator[Metric]:
    database, dirty, cache = state["database"], state["dirty"], state["cache"]
    yield _gauge("database_size_bytes", "Size of the database file.", database["size_bytes"])
    yield _gauge("dirty_rows", "Entries that wait for a flush.", dirty["rows"])
    yield _gauge(
        "dirty_oldest_resolved_timestamp_seconds",
        "When the oldest waiting entry was resolved; absent while none waits.",
        epoch_s(dirty["oldest_resolved_at"]),
    )
    yield _gauge("cache_rows", "Entries in the cache.", cache["rows"])
    yield _gauge("cache_unresolved_rows", "Entries in the cache without a country.", cache["unresolved"])


def _memory(state: dict[str, Any]) -> Iterator[Metric]:
    history = state["history"]
    yield _gauge("history_rows", "Bans that are remembered.", history["rows"])
    for which in ("oldest", "newest"):
        yield _gauge(
            f"history_{which}_ban_timestamp_seconds",
            f"When the {which} ban that is remembered came; absent while there is none.",
            epoch_s(history[f"{which}_banned_at"]),
        )
    built = [Sample(epoch_s(at), {"path": path}) for path, at in state["geoip"]["files"].items()]
    yield Metric("geoip_build_timestamp_seconds", "gauge", "When an MMDB file was built.", built)


def _lock(lock: dict[str, Any]) -> Iterator[Metric]:
    states = [Sample(verdict == lock["verdict"], {"state": verdict}) for verdict in _VERDICTS]
    yield Metric("lock_state", "gauge", "The lock as this instance sees it: 1 for its state.", states)
    holder = Sample(
        1 if lock["hostname"] is not None else None,
        {"owner": lock["owner"] or "", "hostname": lock["hostname"]},
    )
    yield Metric("lock_holder_info", "gauge", "Who held the lock last.", [holder])
    yield _gauge("lock_heartbeat_timestamp_seconds", "The last heartbeat.", lock["heartbeat_at"])
    yield _gauge("lock_ttl_seconds", "Age at which the lock expires.", lock["ttl_s"])
    leases = "Leases granted so far (the fencing token): each takeover is one more."
    yield Metric("lock_leases_total", "counter", leases, [Sample(lock["token"])])


def _jobs(state: dict[str, Any], settings: Settings) -> Iterator[Metric]:
    jobs = {job: state["jobs"][job.id] for job in JOBS if job.id in state["jobs"]}
    labels = {job: _labels(job, settings) for job in jobs}
    for name, kind, text, key in _JOB_METRICS:
        samples = [Sample(values[key], labels[job]) for job, values in jobs.items()]
        yield Metric(f"job_{name}", kind, text, samples)
    for name, text, key in _JOB_MOMENTS:
        samples = [Sample(epoch_s(values[key]) or 0, labels[job]) for job, values in jobs.items()]
        yield Metric(f"job_{name}", "gauge", text, samples)
    due = {age.name for age in ages.judge_ages(state, settings) if _is_due(age)}
    intervals = [Sample(settings[job.interval_key].value, labels[job]) for job in jobs if job.id in due]
    text = "How often the job is to run; absent of one that is not awaited, or not due yet."
    yield Metric("job_interval_seconds", "gauge", text, intervals)
    flush = state["jobs"][FLUSH.id]
    flushed = [Sample(flush["flushed_total"])]
    yield Metric("flushed_rows_total", "counter", "Entries moved into the cache.", flushed)
    yield _gauge("last_flushed_rows", "Entries that the last flush moved.", flush["last_count"])


def _labels(job: Job, settings: Settings) -> dict[str, object]:
    """Return what tells a job's series; a job outside the lock is its instance's own."""
    own = {} if job.under_lock else {"instance": settings.instance}
    return {"job_id": job.id, **own}


def _is_due(age: Age) -> bool:
    """Tell whether an alarm may go by the last success: a daily job has none on its first day."""
    is_keeper = any(age.name == job.id for job in LOCK_KEEPERS)
    return is_keeper or age.has_succeeded or age.verdict != ages.OK


def _gauge(name: str, text: str, value: object) -> Metric:
    return Metric(name, "gauge", text, [Sample(value)])
