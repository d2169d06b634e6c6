"""The job `scheduler_lock_heartbeat`: one heartbeat pass."""

from bangui_cli.jobs.catalogue import OK
from bangui_cli.jobs.run import Run
from bangui_cli.states import events


def beat(run: Run) -> None:
    """Refresh, take or take over the lock, in one transaction. Raise LockHeld."""
    run.take_lock(lambda _: False)
    fields = {**run.report.lock, "duration_s": run.report.duration_s()}
    run.invocation.log.emit_end(events.HEARTBEAT_UPDATED, OK, **fields)
