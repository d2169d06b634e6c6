"""The job `scheduler_lock_heartbeat`: one heartbeat pass."""

from bangui_cli import events, locking
from bangui_cli.jobs.run import OK, Run


def beat(run: Run) -> None:
    """Refresh, take or take over the lock, in one transaction. Raise LockHeld."""
    with run.store.transaction():
        holding = run.acquire()
        run.record_finish(OK)
    log = run.invocation.log
    locking.log_outcome(log, holding)
    log.emit(events.HEARTBEAT_UPDATED, **run.lock, duration_s=run.duration_s())
