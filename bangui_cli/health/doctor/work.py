"""Check that the work gets done: the lock, the jobs' last successes, the clocks they go by."""

from typing import Any

from bangui_cli.health import ages
from bangui_cli.health.ages import Age
from bangui_cli.health.collect import epoch_s
from bangui_cli.jobs.catalogue import FLUSH, JOBS
from bangui_cli.rules import lease, timestamps
from bangui_cli.rules.durations import approximate, format_duration
from bangui_cli.rules.instance_names import is_random
from bangui_cli.settings import table as settings
from bangui_cli.settings.table import Settings, Sourced
from bangui_cli.states import exit_codes
from bangui_cli.states.checks import Check, error, ok, warning
from bangui_cli.telling.readable import counted

# Before this program was, and after it can still be in use, no clock is right.
_EARLIEST_S, _LATEST_S = timestamps.to_wall_s("2025-01-01"), timestamps.to_wall_s("2100-01-01")


def check_lock_ttl(values: Settings) -> Check:
    """Check that a late heartbeat or two do not cost the lock."""
    fault = settings.lock_ttl_fault(values)
    if fault:
        remedy = "set lock_ttl to at least 3 x heartbeat_interval, and to 1h at most"
        return error("lock_ttl", fault, remedy, exit_codes.CONFIG)
    ttl, interval = format_duration(values.lock_ttl), format_duration(values.heartbeat_interval)
    return ok("lock_ttl", f"{ttl}, with a heartbeat every {interval}")


def check_instance(instance: Sourced, *, is_in_container: bool) -> Check:
    """Check that the next run will have the same name."""
    if is_in_container and instance.source == "default" and is_random(instance.value):
        variable = settings.BY_KEY["instance"].variable
        return warning(
            "instance",
            f"{instance.value} is a container's random host name: the next container has another, and "
            "waits for the lock of this one until its TTL is over",
            f"give its runs a name that lasts: --instance NAME or {variable}",
        )
    return ok("instance", f"{instance.value} ({instance.source})")


def check_lock(lock: dict[str, Any]) -> Check:
    """Check that an instance is active, whichever it is."""
    verdict, holder = lock["verdict"], lock["owner"] or lock["hostname"]
    if verdict == lease.EXPIRED:
        age = "is not proven" if lock["age_s"] is None else f"was {approximate(lock['age_s'])} ago"
        detail = f"the last heartbeat, of {holder}, {age}: no instance is active"
        return warning("lock", detail, "see the schedule; bangui heartbeat takes the lock by hand")
    if verdict == lease.HELD:
        return ok("lock", f"held by another instance, {holder}: it does the work")
    return ok("lock", f"mine: {holder}" if verdict == lease.MINE else "free")


def check_state(state: dict[str, Any], values: Settings) -> list[Check]:
    """Check what `status` tells: the lock and the work."""
    return [check_lock(state["lock"]), *check_jobs(state, values), check_history(state["history"])]


def check_jobs(state: dict[str, Any], values: Settings) -> list[Check]:
    """Check the age of each job's last success, and of the oldest dirty row."""
    dirty, *jobs = ages.judge_ages(state, values)
    checks = list(map(_check_job, jobs))
    detail = dirty.text if dirty.age_s else "no dirty row waits"
    return [*checks, _check_age("dirty_rows", dirty, detail, "bangui flush")]


def check_history(history: dict[str, Any]) -> Check:
    """Tell how far the memory of bans reaches, and how fresh it is."""
    if not history["rows"]:
        return ok("history", "no ban is remembered yet")
    newest, oldest = (approximate(history[f"{which}_age_s"] or 0.0) for which in ("newest", "oldest"))
    bans = counted(history["rows"], "ban")
    return ok("history", f"{bans}, the newest {newest} ago, the oldest {oldest} ago")


def tell_flush_on_time(state: dict[str, Any], values: Settings) -> str | None:
    """Say when the last flush succeeded; None where it was no schedule's, too long ago, or never."""
    flush = next(age for age in ages.judge_ages(state, values) if age.name == FLUSH.id)
    is_at_work = flush.has_succeeded and flush.verdict == ages.OK
    return flush.text if is_at_work and _lasts(state["lock"], values) else None


def _lasts(lock: dict[str, Any], values: Settings) -> bool:
    """Tell whether runs have followed each other for longer than one by hand keeps the lock.

    Flushes that are too rare to keep it tell nothing.
    """
    if values.flush_interval >= values.lock_ttl:
        return True
    ends = lock["created_at"], lock["heartbeat_at"]
    began_s, beat_s = (end if isinstance(end, int | float) else 0.0 for end in ends)
    return bool(beat_s - began_s >= values.lock_ttl)


def _check_job(age: Age) -> Check:
    command = next(job.command for job in JOBS if job.id == age.name)
    remedy = f"see its log (journalctl -t bangui), the schedule, and: bangui {command}"
    detail = age.text.removeprefix(f"{age.name} ")
    if not age.has_succeeded and not age.is_scheduled and age.verdict == ages.OK:
        return warning(age.name, detail, remedy)
    return _check_age(age.name, age, detail, remedy)


def _check_age(name: str, age: Age, detail: str, remedy: str) -> Check:
    if age.verdict == ages.OK:
        return ok(name, detail)
    limit = format_duration(age.limits[age.verdict - 1])
    late = f"{detail} (limit {limit})"
    if age.verdict == ages.WARNING:
        return warning(name, late, remedy)
    return error(name, late, remedy, exit_codes.UNAVAILABLE)


def check_clock(now_s: float, state: dict[str, Any] | None) -> Check:
    """Check that the wall clock makes sense, and has not gone back behind what was written."""
    detail, remedy = f"it is {timestamps.to_text(now_s)}", "set the clock: timedatectl set-ntp true"
    if not _EARLIEST_S <= now_s < _LATEST_S:
        return error("clock", detail, remedy, exit_codes.UNAVAILABLE)
    ahead_s = _latest_s(state) - now_s if state else 0.0
    if ahead_s > lease.FUTURE_TOLERANCE_S:
        return warning("clock", f"{detail}, {approximate(ahead_s)} before the last heartbeat", remedy)
    return ok("clock", detail)


def _latest_s(state: dict[str, Any]) -> float:
    moments = [state["lock"]["heartbeat_at"]]
    moments += [epoch_s(job["last_finished_at"]) for job in state["jobs"].values()]
    return max((moment for moment in moments if isinstance(moment, int | float)), default=0.0)
