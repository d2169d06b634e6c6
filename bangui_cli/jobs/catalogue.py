"""The jobs by name: their stable IDs, settings and events."""

from bangui_cli.states import events
from bangui_cli.states.events import Event
from bangui_cli.states.records import Record

TYPE_CHECKING = False  # as in records
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OK, HELD, TIMEOUT, ERROR = "ok", "held", "timeout", "error"
NO_LOCK: "Mapping[str, object]" = dict.fromkeys(("outcome", "owner", "lease_id", "token"))


class Job(Record):
    """What tells one job from the others. The ID is an interface, in files, logs and `job_state`.

    `counts` are the keys of its JSON that count what a pass did, `counted` is the one of them that
    `job_state` keeps. A job `under_lock` is one for all
    instances; any other is each instance's own.
    """

    id: str
    command: str
    timeout_key: str
    interval_key: str
    counts: tuple[str, ...]
    counted: str
    under_lock: bool
    held: Event
    lost: Event
    timeout: Event
    error: Event
    scheduled: Event

    def result(
        self, outcome: str, left: "Mapping[str, object]", lock: "Mapping[str, object]" = NO_LOCK
    ) -> "dict[str, object]":
        """Return the object that is printed of a run and what it `left`; None is what nobody knows."""
        beside = {"lock": dict(lock)} if self.under_lock else {}
        return {"job": self.id, "outcome": outcome, **left, **beside}


FLUSH = Job(
    "geo_cache_flush",
    "flush",
    "flush_timeout",
    "flush_interval",
    ("flushed", "remaining"),
    "flushed",
    True,
    events.LOCK_HELD,
    events.FLUSH_LOCK_LOST,
    events.FLUSH_TIMEOUT,
    events.FLUSH_ERROR,
    events.FLUSH_SCHEDULED,
)
HEARTBEAT = Job(
    "scheduler_lock_heartbeat",
    "heartbeat",
    "heartbeat_timeout",
    "heartbeat_interval",
    ("flushed", "remaining"),
    "flushed",
    True,
    events.HEARTBEAT_FAILED,
    events.HEARTBEAT_ERROR,
    events.HEARTBEAT_TIMEOUT,
    events.HEARTBEAT_ERROR,
    events.HEARTBEAT_SCHEDULED,
)
PRUNE = Job(
    "geo_cache_cleanup",
    "prune",
    "prune_timeout",
    "prune_interval",
    ("pruned_cache", "pruned_history", "freed_bytes"),
    "pruned_cache",
    True,
    events.LOCK_HELD,
    events.PRUNE_LOCK_LOST,
    events.PRUNE_TIMEOUT,
    events.PRUNE_ERROR,
    events.PRUNE_SCHEDULED,
)
COLLECT = Job(
    "history_sync",
    "collect",
    "collect_timeout",
    "collect_interval",
    ("read", "recorded", "updated", "skipped", "staged", "resolved"),
    "recorded",
    False,
    events.COLLECT_ERROR,
    events.COLLECT_ERROR,
    events.COLLECT_TIMEOUT,
    events.COLLECT_ERROR,
    events.COLLECT_SCHEDULED,
)
RE_RESOLVE = Job(
    "geo_re_resolve",
    "resolve --cached",
    "re_resolve_timeout",
    "re_resolve_interval",
    ("read", "staged", "resolved"),
    "staged",
    False,
    events.RE_RESOLVE_ERROR,
    events.RE_RESOLVE_ERROR,
    events.RE_RESOLVE_TIMEOUT,
    events.RE_RESOLVE_ERROR,
    events.RE_RESOLVE_SCHEDULED,
)
JOBS = (FLUSH, HEARTBEAT, PRUNE, COLLECT, RE_RESOLVE)
# Each of them alone keeps the lock of an active instance fresh.
LOCK_KEEPERS = (FLUSH, HEARTBEAT)


def find_job(words: "Sequence[str]") -> Job | None:
    """Return the job that a command line runs, by its words."""
    return next((job for job in JOBS if _is_run_by(job, words)), None)


def _is_run_by(job: Job, words: "Sequence[str]") -> bool:
    command, *options = job.command.split()
    return words[:1] == [command] and set(options) <= set(words)
