"""Judge how late the work is: the oldest dirty row, and each job's last success."""

import math
from typing import Any, NamedTuple

from bangui_cli.jobs.catalogue import FLUSH, HEARTBEAT, JOBS, LOCK_KEEPERS, Job
from bangui_cli.rules.durations import approximate, format_duration
from bangui_cli.settings.table import Settings
from bangui_cli.states.errors import UsageFault

OK, WARNING, CRITICAL = 0, 1, 2
# One missed run is nothing: a held lock, a reboot, a long flush. Five in a row are no accident.
WARNING_INTERVALS = 5
CRITICAL_INTERVALS = 15
_DAY_S = 86400.0
# What systemd's random delay, or a change of the clock to winter time, adds between two daily runs.
_PUT_OFF_S = 3600.0


class Thresholds(NamedTuple):
    """Ages above these are late."""

    warning_s: float
    critical_s: float


_NO_LIMITS = Thresholds(math.inf, math.inf)


class Age(NamedTuple):
    """How long something has been waiting, and how long it may; None where nothing waits."""

    name: str
    age_s: float | None
    limits: Thresholds
    text: str
    has_succeeded: bool = True
    is_scheduled: bool = False

    @property
    def verdict(self) -> int:
        """Return OK, WARNING or CRITICAL."""
        age_s = self.age_s or 0.0
        return (age_s > self.limits.warning_s) + (age_s > self.limits.critical_s)


def thresholds(interval_s: float, warning_s: float | None, critical_s: float | None) -> Thresholds:
    """Return the limits that were given; what is missing follows from a job's interval.

    Raise UsageFault where a warning would come after the critical state.
    """
    if warning_s is not None and critical_s is not None and warning_s > critical_s:
        raise UsageFault(
            f"--warning-age {format_duration(warning_s)} is more than "
            f"--critical-age {format_duration(critical_s)}",
            hint="give the smaller age to --warning-age",
        )
    late_s, dead_s = WARNING_INTERVALS * interval_s, CRITICAL_INTERVALS * interval_s
    if warning_s is None:
        warning_s = late_s if critical_s is None else min(late_s, critical_s)
    return Thresholds(warning_s, max(dead_s, warning_s) if critical_s is None else critical_s)


def judge_ages(
    state: dict[str, Any],
    settings: Settings,
    warning_s: float | None = None,
    critical_s: float | None = None,
) -> list[Age]:
    """Return the age of the oldest dirty row, then of the last success of each job that is awaited."""
    dirty_s = state["dirty"]["oldest_age_s"]
    limits = {
        job.id: _limits(job, settings, warning_s, critical_s)
        for job in JOBS
        if state["jobs"].get(job.id, {}).get("is_awaited")
    }
    dirty = Age(
        "dirty", dirty_s, limits[FLUSH.id], f"oldest dirty row {approximate(dirty_s or 0.0)} old"
    )
    jobs = {id_: _job_age(id_, state["jobs"][id_], limits[id_]) for id_ in limits}
    if _keeps_lock(jobs[FLUSH.id], settings):
        jobs[HEARTBEAT.id] = _relieved(jobs[HEARTBEAT.id])
    return [dirty, *jobs.values()]


def _limits(
    job: Job, settings: Settings, warning_s: float | None, critical_s: float | None
) -> Thresholds:
    """Return the limits of a job; what was given, as minutes to a daily job, leaves it what it needs."""
    interval_s = settings[job.interval_key].value
    if job not in LOCK_KEEPERS:
        least_s = _oldest_on_time_s(interval_s, settings[job.timeout_key].value)
        warning_s, critical_s = _at_least(least_s, warning_s), _at_least(least_s, critical_s)
    return thresholds(interval_s, warning_s, critical_s)


def _oldest_on_time_s(interval_s: float, timeout_s: float) -> float:
    """Return how old the last success of a job becomes that misses no run."""
    return interval_s + (max(timeout_s, _PUT_OFF_S) if interval_s >= _DAY_S else timeout_s)


def _at_least(least_s: float, limit_s: float | None) -> float | None:
    return None if limit_s is None else max(limit_s, least_s)


def _keeps_lock(flush: Age, settings: Settings) -> bool:
    """Tell whether flushes, each of which refreshes the lock, keep it fresh by themselves."""
    is_at_work = flush.has_succeeded and flush.verdict == OK
    return is_at_work and bool(settings.flush_interval < settings.lock_ttl)


def _relieved(heartbeat: Age) -> Age:
    """Return the age of heartbeats where flushes do their work: nobody need schedule any."""
    if heartbeat.has_succeeded and heartbeat.verdict == OK:
        return heartbeat
    text = f"{heartbeat.name} is not needed: each flush keeps the lock fresh"
    return Age(heartbeat.name, heartbeat.age_s, _NO_LIMITS, text)


def _job_age(job_id: str, job: dict[str, Any], limits: Thresholds) -> Age:
    age_s, has_succeeded = job["success_age_s"], job["last_success_at"] is not None
    if not has_succeeded and job["is_scheduled"]:
        text = f"{job_id} has not succeeded yet, scheduled {approximate(age_s or 0.0)} ago"
    elif not has_succeeded:
        text = f"{job_id} never succeeded, the database is {approximate(age_s or 0.0)} old"
    else:
        text = f"{job_id} last succeeded {approximate(age_s or 0.0)} ago"
    return Age(job_id, age_s, limits, text, has_succeeded, job["is_scheduled"])
