"""One pass of a job: the lock it takes and renews, and the record it leaves in `job_state`."""

from typing import TYPE_CHECKING, cast

from bangui_cli.access import locking
from bangui_cli.access.locking import Holding
from bangui_cli.host.deadline import Deadline
from bangui_cli.jobs.report import OK, Report
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings
from bangui_cli.states.errors import BanguiError, Interrupted, LeaseLost
from bangui_cli.store import Batch, Decision, JobFinish, JobStart, Situation, Store

if TYPE_CHECKING:
    from bangui_cli.store.memory import Memory


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

    @property
    def memory(self) -> "Memory":
        """Return the store with its history, for work that is run with it."""
        return cast("Memory", self.store)

    def take_lock(self, *, wants_work: bool) -> bool:
        """Come by the lock, in one transaction, which ends the pass where there is no work for it.

        Return whether there is. Raise LockHeld, with nothing written.
        """

        def judge(situation: Situation) -> tuple[Decision, tuple[Holding, bool]]:
            holding = locking.hold(situation, self.settings.instance, self.settings.lock_ttl)
            goes_on = wants_work and situation.has_dirty_rows
            finish = None if goes_on else self.finish(OK)
            return Decision(holding.after, self._start(holding.token), finish), (holding, goes_on)

        holding, goes_on = self.store.decide(judge)
        self._holding = holding
        self.report.take_down_lock(holding)
        locking.log_outcome(self.invocation.log, holding)
        return goes_on

    @property
    def lease_id(self) -> str | None:
        """Return the lease of this run, which it may have lost since; None before it had one."""
        return self._holding and self._holding.lease_id

    def move_batch(self, after: str, limit_rows: int) -> Batch:
        """Move the next batch under the fence.

        Raise LeaseLost, so that a process that was stopped or slow never writes after a takeover.
        """
        finish = self.finish(OK, self.report.counts["flushed"])
        batch = self.store.move_batch(str(self.lease_id), after, limit_rows, finish)
        if batch is None:
            raise self._lease_lost()
        return batch

    def finish(self, outcome: str, rows: int | None = 0) -> JobFinish:
        """Return the end of this run as it would be recorded now."""
        correlation_id, duration_s = self.invocation.correlation_id, self.report.duration_s()
        return JobFinish(self.job.id, correlation_id, outcome, rows, duration_s, self._recorded_under)

    def record_alone(self, outcome: str, rows: int | None) -> None:
        """Record the whole run of a job that takes no lock."""
        finish = self.finish(outcome, rows)
        start = self._start(0)
        self.store.record_run(start, finish)

    def count_remaining(self) -> int | None:
        """Count the dirty set; None where that fails, or takes longer than the deadline allows."""
        try:
            with self.store.snapshot():
                return self.store.count_dirty_rows()
        except (BanguiError, Interrupted):
            return None

    def _start(self, token: int) -> JobStart:
        correlation_id, elapsed_s = self.invocation.correlation_id, self.report.duration_s()
        return JobStart(self.job.id, correlation_id, token, elapsed_s, self._recorded_under)

    @property
    def _recorded_under(self) -> str:
        return "" if self.job.under_lock else str(self.settings.instance)

    def _lease_lost(self) -> LeaseLost:
        with self.store.snapshot():
            view = locking.describe(*locking.inspect(self.store, self.settings.instance))
        return LeaseLost(
            f"the lease was lost during the pass; the lock is now with {locking.holder(view)}",
            **{key: view[key] for key in ("owner", "hostname", "pid", "lease_id", "token")},
        )
