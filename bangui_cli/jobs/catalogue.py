"""The jobs by name: their stable IDs, settings and events."""

from bangui_cli.states import events
from bangui_cli.states.events import Event
from bangui_cli.states.records import Record


class Job(Record):
    """What tells one job from the other. The ID is an interface, in files, logs and `job_state`."""

    id: str
    command: str
    timeout_key: str
    interval_key: str
    moves_rows: bool
    held: Event
    lost: Event
    timeout: Event
    error: Event
    scheduled: Event


FLUSH = Job(
    "geo_cache_flush",
    "flush",
    "flush_timeout",
    "flush_interval",
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
    False,
    events.HEARTBEAT_FAILED,
    events.HEARTBEAT_ERROR,
    events.HEARTBEAT_TIMEOUT,
    events.HEARTBEAT_ERROR,
    events.HEARTBEAT_SCHEDULED,
)
JOBS = (FLUSH, HEARTBEAT)
BY_COMMAND = {job.command: job for job in JOBS}
