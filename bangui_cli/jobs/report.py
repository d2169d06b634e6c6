"""What a run has to tell at its end: the JSON object, the event, the exit code."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bangui_cli.host import clocks, terminal
from bangui_cli.jobs.catalogue import ERROR, HELD, NO_LOCK, OK, TIMEOUT, Job
from bangui_cli.rules.json_text import to_json
from bangui_cli.rules.lease import CREATED, LOST, REACQUIRED, REFRESHED, TAKEN_OVER
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import exit_codes
from bangui_cli.states.errors import DeadlineExceeded, Failure, LeaseLost, LockHeld
from bangui_cli.states.events import Event
from bangui_cli.telling.log import Log

if TYPE_CHECKING:  # the watchdog wants this module before all that is needed for a pass
    from bangui_cli.access.locking import Holding

STALL_S = 0.04
_LEFT = "remaining"  # nobody knows before it is counted
# What a run would do with the lock, in words.
_WOULD = {
    CREATED: "take the free lock",
    REFRESHED: "refresh the lock",
    REACQUIRED: "take the lock again, which has expired",
    TAKEN_OVER: "take over the expired lock of another instance",
}
_LOCK_KEYS = tuple(key for key in NO_LOCK if key != "outcome")


class Report:
    """One run's counts and lock so far, and how it ended; None is what could not be told in time."""

    def __init__(
        self,
        job: Job,
        invocation: Invocation,
        *,
        held_ok: bool,
        as_json: bool,
        dry_run: bool = False,
    ) -> None:
        self.job = job
        self.as_json = as_json
        self.outcome = ERROR
        self.exit_code = exit_codes.UNEXPECTED
        self.counts: dict[str, int | None] = dict.fromkeys(job.counts, 0)
        if _LEFT in self.counts:
            self.counts[_LEFT] = None
        self.lock: dict[str, Any] = dict(NO_LOCK)
        # What was spent on waiting for a turn is no part of the work.
        self.waited_s = 0.0
        self._invocation = invocation
        self._held_ok = held_ok
        self._dry_run = dry_run
        self._failure: Failure | None = None
        self._is_settled = False

    def duration_s(self) -> float:
        """Return how long the run has taken, on the monotonic clock."""
        return round(clocks.monotonic_s() - self._invocation.started_s - self.waited_s, 3)

    def take_down_lock(self, holding: "Holding") -> None:
        """Tell the lock as this run holds it, or would hold it."""
        after = holding.after
        self.lock = {
            "outcome": holding.judgement.outcome,
            "owner": after.owner,
            "lease_id": after.lease_id,
            "token": after.token,
        }

    def foretell_lock(self, holding: "Holding") -> None:
        """Tell the lock as a run right now would hold it."""
        self.take_down_lock(holding)
        if holding.judgement.outcome != REFRESHED:
            self.lock["lease_id"] = None  # a new lease's ID is not known before it is taken

    @property
    def lock_intention(self) -> str:
        """Say what a run would do with the lock that was taken down."""
        return _WOULD[self.lock["outcome"]]

    def end(self, error: BaseException | None) -> None:
        """Print and log how the run ended; what nobody reads changes nothing."""
        self._settle(error)
        log = self._invocation.log
        if self.exit_code != exit_codes.DONE:
            _prepare(log)  # if that takes long, the watchdog tells what is settled
        self._invocation.watchdog.claim_finish(self.exit_code)
        self._tell(log, log.emit_failure)

    def give_up(self, reason: BaseException) -> int:
        """Print and log for a run that hangs, and return the exit code.

        Unless the run has settled its end, nobody knows whether its last commit took place.
        """
        if not self._is_settled:
            self.counts = dict.fromkeys(self.counts)
            self._settle(reason)
        log = self._invocation.log_at_hand
        self._tell(log, log.last_words)
        return self.exit_code

    def _settle(self, error: BaseException | None) -> None:
        self.outcome = outcome_of(error)
        self._failure = failure = self._invocation.explain(error) if error else None
        self.exit_code = failure.exit_code if failure else exit_codes.DONE
        if self.outcome == HELD and self._held_ok:
            self.exit_code = exit_codes.DONE
        if failure and self.outcome in (HELD, LOST):
            known = {key: failure.fields.get(key) for key in _LOCK_KEYS}
            self.lock = {"outcome": self.outcome, **known}
        self._is_settled = True

    def _tell(self, log: Log, tell_failure: Callable[..., None]) -> None:
        if self.as_json:
            self._print_json()
        if self._failure is None:
            return
        event = _event_of(self.job, self.outcome)
        if self.exit_code == exit_codes.DONE:
            log.emit_end(event._replace(level="debug"), self.outcome, **self._failure.fields)
            return
        counts: dict[str, object] = {"duration_s": self.duration_s()}
        if self.outcome in (TIMEOUT, LOST):
            counts |= self.counts
        tell_failure(event, self._failure, outcome=self.outcome, **counts)

    def _print_json(self) -> None:
        left = {
            **self.counts,
            "duration_s": self.duration_s(),
            "correlation_id": self._invocation.correlation_id,
        }
        dry_run = {"dry_run": True} if self._dry_run else {}
        result = self.job.result(self.outcome, left, self.lock) | dry_run
        terminal.write_line(terminal.STDOUT, f"{to_json(result)}\n".encode(), STALL_S)


def _prepare(log: Log) -> None:
    try:
        log.prepare()
    except Exception:
        pass  # the log says so itself, behind the object


def outcome_of(error: BaseException | None) -> str:
    """Return the outcome that JSON and `job_state` name."""
    match error:
        case None:
            return OK
        case LockHeld():
            return HELD
        case LeaseLost():
            return LOST
        case DeadlineExceeded():
            return TIMEOUT
        case _:
            return ERROR


def _event_of(job: Job, outcome: str) -> Event:
    return {HELD: job.held, LOST: job.lost, TIMEOUT: job.timeout}.get(outcome, job.error)
