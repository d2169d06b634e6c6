"""One pass of a job: the lock it takes and renews, and the record it leaves in `job_state`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from bangui_cli.access import locking
from bangui_cli.access.locking import Holding
from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.jobs.catalogue import OK
from bangui_cli.jobs.report import Report
from bangui_cli.rules.durations import approximate
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings
from bangui_cli.states.errors import BanguiError, Interrupted, LeaseLost, LockHeld
from bangui_cli.store import Decision, JobFinish, JobStart, Situation, Store

if TYPE_CHECKING:
    from bangui_cli.store.memory import Memory
    from bangui_cli.store.upkeep import Upkeep

Written = TypeVar("Written")

_RETRY_S = 0.1


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
    def upkeep(self) -> "Upkeep":
        """Return the store of a run that was opened to tidy it up."""
        return cast("Upkeep", self.store)

    @property
    def memory(self) -> "Memory":
        """Return the store with its history, for work that is run with it."""
        return cast("Memory", self.store)

    def take_lock(self, has_work: Callable[[Situation], bool], wait_s: float = 0.0) -> bool:
        """Come by the lock, waiting up to `wait_s` for it; return whether there is work to do.

        It is one transaction, which ends the pass where there is none. Raise LockHeld, with nothing
        written.
        """
        give_up_s = clocks.monotonic_s() + wait_s
        while True:
            try:
                return self._try_lock(has_work)
            except LockHeld as held:
                self.deadline.check()
                # A lock that is held until the timeout is a held lock, not a pass cut short.
                left_s = min(give_up_s - clocks.monotonic_s(), self.deadline.remaining_s() - _RETRY_S)
                if left_s <= 0:
                    raise
                self.invocation.announce(f"waiting for {approximate(left_s)} at most: {held.error}")
            clocks.sleep_s(min(_RETRY_S, left_s))

    def _try_lock(self, has_work: Callable[[Situation], bool]) -> bool:

        def judge(situation: Situation) -> tuple[Decision, tuple[Holding, bool]]:
            holding = locking.hold(situation, self.settings.instance, self.settings.lock_ttl)
            goes_on = has_work(situation)
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

    def under_fence(self, write: Callable[[str], Written | None]) -> Written:
        """Write something that tells with None, or False, that the lease is no longer this run's.

        Raise LeaseLost, so that a process that was stopped or slow never writes after a takeover.
        """
        written = write(str(self.lease_id))
        if not written:
            raise self._lease_lost()
        return written

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
