"""Lay the state out as metrics for node_exporter's textfile collector.

The job's ID is the label `job_id`: `job` is Prometheus' own, and names the scrape. Moments are given
as seconds since the epoch, not as ages, because the file is older than the scrape.
"""

from collections.abc import Iterator
from typing import Any

from bangui_cli import __version__
from bangui_cli.health.collect import epoch_s
from bangui_cli.jobs.catalogue import FLUSH, LOCK_KEEPERS
from bangui_cli.rules import lease
from bangui_cli.settings.table import Settings
from bangui_cli.telling import exposition
from bangui_cli.telling.exposition import Metric, Sample

_VERDICTS = (lease.MINE, lease.HELD, lease.EXPIRED, lease.FREE)
_JOB_METRICS = (
    ("runs_total", "counter", "Runs that got the lock.", "runs_total"),
    ("failures_total", "counter", "Runs that got the lock and failed.", "failures_total"),
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
        [*_head(is_up=True), *_database(state), *_lock(state["lock"]), *_jobs(state["jobs"], settings)]
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


def _jobs(jobs: dict[str, dict[str, Any]], settings: Settings) -> Iterator[Metric]:
    for name, kind, text, key in _JOB_METRICS:
        samples = [Sample(job[key], {"job_id": job_id}) for job_id, job in jobs.items()]
        yield Metric(f"job_{name}", kind, text, samples)
    for name, text, key in _JOB_MOMENTS:
        samples = [Sample(epoch_s(job[key]) or 0, {"job_id": job_id}) for job_id, job in jobs.items()]
        yield Metric(f"job_{name}", "gauge", text, samples)
    intervals = [Sample(settings[job.interval_key].value, {"job_id": job.id}) for job in LOCK_KEEPERS]
    yield Metric("job_interval_seconds", "gauge", "How often the job is to run.", intervals)
    flush = jobs[FLUSH.id]
    flushed = [Sample(flush["flushed_total"])]
    yield Metric("flushed_rows_total", "counter", "Entries moved into the cache.", flushed)
    yield _gauge("last_flushed_rows", "Entries that the last flush moved.", flush["last_count"])


def _gauge(name: str, text: str, value: object) -> Metric:
    return Metric(name, "gauge", text, [Sample(value)])
