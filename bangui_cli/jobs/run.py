"""One pass of a job: the lock it takes and renews, and the record it leaves in `job_state`."""

from collections.abc import Callable

from bangui_cli.access import locking
from bangui_cli.access.locking import Holding
from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.jobs.report import OK, Report
from bangui_cli.rules import timestamps
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings
from bangui_cli.states.errors import BanguiError, Interrupted, LeaseLost
from bangui_cli.store import Store


class Run:
    """What one pass works with."""

    def __init__(
        self,
        invocation: Invocation,
        settings: Settings,
        store: Store,
        deadline: Deadline,
        report: Report,
    ) -> None:
        self.invocation = invocation
        self.settings = settings
        self.store = store
        self.deadline = deadline
        self.report = report
        self.job = report.job
        self._holding: Holding | None = None

    def take_lock(self, has_work: Callable[[], bool]) -> bool:
        """Come by the lock, in one transaction, which ends the pass where there is no work for it.

        Return whether there is. Raise LockHeld, with nothing written.
        """
        with self.store.transaction():
            self.store.require_schema()
            holding = locking.acquire(self.store, self.settings.instance, self.settings.lock_ttl)
            self._record_start(int(holding.after.token or 0))
            goes_on = has_work()
            if not goes_on:
                self.record_finish(OK)
        self._holding = holding
        self.report.take_down_lock(holding)
        locking.log_outcome(self.invocation.log, holding)
        return goes_on

    @property
    def has_lock(self) -> bool:
        """Tell whether this run came by the lock; it may have lost it since."""
        return self._holding is not None

    def renew(self) -> None:
        """Check the fence and refresh the heartbeat, first thing in a write transaction.

        Raise LeaseLost, so that a process that was stopped or slow never writes after a takeover.
        """
        if self._holding and self.store.renew_lease(self._holding.lease_id, clocks.now()):
            return
        view = locking.describe(*locking.inspect(self.store, self.settings.instance))
        raise LeaseLost(
            f"the lease was lost during the pass; the lock is now with {locking.holder(view)}",
            **{key: view[key] for key in ("owner", "hostname", "pid", "lease_id", "token")},
        )

    def record_finish(self, outcome: str, flushed: int | None = 0) -> None:
        """Record the end of the run. Wants the transaction of a held lease."""
        self.store.job_finished(
            self.job.id,
            outcome,
            finished_at=timestamps.to_text(clocks.wall_s()),
            duration_s=self.report.duration_s(),
            count=flushed,
            correlation_id=self.invocation.correlation_id,
        )

    def count_remaining(self) -> int | None:
        """Count the dirty set; None where that fails, or takes longer than the deadline allows."""
        try:
            with self.store.snapshot():
                return self.store.count_dirty_rows()
        except (BanguiError, Interrupted):
            return None

    def _record_start(self, token: int) -> None:
        started_at = timestamps.to_text(clocks.wall_s() - self.report.duration_s())
        self.store.job_started(self.job.id, started_at, self.invocation.correlation_id, token)
