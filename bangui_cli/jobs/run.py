"""The frame of a job's run: settings, deadline, watchdog, record, report, exit code."""

import json
import traceback
from collections.abc import Callable
from typing import Any

from bangui_cli import clocks, deadline, errors, exit_codes, locking, terminal, timestamps
from bangui_cli.deadline import Deadline
from bangui_cli.errors import BanguiError, DeadlineExceeded, Interrupted, LeaseLost, LockHeld
from bangui_cli.events import Event
from bangui_cli.invocation import Invocation
from bangui_cli.jobs.catalogue import Job
from bangui_cli.jobs.watchdog import Watchdog
from bangui_cli.lease import LOST
from bangui_cli.locking import Holding
from bangui_cli.store.sqlite import Store

OK, HELD, TIMEOUT, ERROR = "ok", "held", "timeout", "error"
# What an overdue run may still spend on recording and counting: together with the watchdog's
# patience it stays within 0.3 s.
_RECORD_S = 0.1
_COUNT_S = 0.05
_STALL_S = 0.05

Work = Callable[["Run"], None]


class Run:
    """One run of a job: what it works with, and what it has to report so far."""

    def __init__(self, job: Job, invocation: Invocation) -> None:
        self.job = job
        self.invocation = invocation
        self.outcome = ERROR
        self.flushed: int | None = 0
        self.remaining: int | None = None
        self.lock: dict[str, Any] = dict.fromkeys(("outcome", "owner", "lease_id", "token"))
        self.holding: Holding | None = None
        self.store: Store
        self.deadline: Deadline

    @property
    def settings(self) -> Any:
        """Return the settings, which were checked before the run began."""
        return self.invocation.settings

    def duration_s(self) -> float:
        """Return how long the run has taken, on the monotonic clock."""
        return round(clocks.monotonic_s() - self.invocation.started_s, 3)

    def acquire(self) -> Holding:
        """Come by the lock and count the run. Wants a transaction; raise LockHeld."""
        self.store.require_schema()
        holding = locking.acquire(self.store, self.settings.instance, self.settings.lock_ttl)
        self.hold(holding)
        started_at = timestamps.to_text(clocks.wall_s() - self.duration_s())
        token = int(holding.after.token or 0)
        self.store.job_started(self.job.id, started_at, self.invocation.correlation_id, token)
        self.holding = holding
        return holding

    def hold(self, holding: Holding) -> None:
        """Report the lock as this run holds it, or would hold it."""
        after = holding.after
        self.lock = {
            "outcome": holding.judgement.outcome,
            "owner": after.owner,
            "lease_id": after.lease_id,
            "token": after.token,
        }

    def renew(self) -> None:
        """Check the fence and refresh the heartbeat, first thing in a write transaction.

        Raise LeaseLost, so that a process that was stopped or slow never writes after a takeover.
        """
        if self.holding is None or not self.store.renew_lease(self.holding.lease_id, clocks.now()):
            row, judgement = locking.inspect(self.store, self.settings.instance)
            view = locking.describe(row, judgement)
            owner = view["owner"] or view["hostname"] or "nobody"
            fields = ("owner", "hostname", "pid", "lease_id", "token")
            raise LeaseLost(
                f"the lease was lost during the pass; the lock is now with {owner}",
                **{key: view[key] for key in fields},
            )

    def record_finish(self, outcome: str, flushed: int | None = 0) -> None:
        """Record the end of the run. Wants the transaction of a held lease."""
        self.store.job_finished(
            self.job.id,
            outcome,
            finished_at=timestamps.to_text(clocks.wall_s()),
            duration_s=self.duration_s(),
            count=flushed,
            correlation_id=self.invocation.correlation_id,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the object that --json prints."""
        return {
            "job": self.job.id,
            "outcome": self.outcome,
            "flushed": self.flushed,
            "remaining": self.remaining,
            "duration_s": self.duration_s(),
            "correlation_id": self.invocation.correlation_id,
            "lock": self.lock,
        }


def run_job(job: Job, invocation: Invocation, work: Work, *, held_ok: bool, as_json: bool) -> int:
    """Run `work` under the job's timeout, report whatever comes of it, return the exit code."""
    invocation.set_job(job.id)
    run = Run(job, invocation)
    try:
        timeout_s = invocation.settings[job.timeout_key].value
    except BanguiError as error:
        return report(run, error, held_ok=held_ok, as_json=as_json)
    invocation.log.stall_s = _STALL_S
    run.deadline = deadline.for_run(invocation.started_s, timeout_s)

    def give_up() -> int:
        run.remaining = None
        error = DeadlineExceeded(
            f"the timeout of {timeout_s:g} s ended a pass that hung", timeout_seconds=timeout_s
        )
        return report(run, error, held_ok=held_ok, as_json=as_json)

    with Watchdog(run.deadline, prepare=invocation.log.prepare, give_up=give_up) as watchdog:
        failure = _attempt(run, work, watchdog)
        watchdog.claim_finish()
        return report(run, failure, held_ok=held_ok, as_json=as_json)


def _attempt(run: Run, work: Work, watchdog: Watchdog) -> BaseException | None:
    try:
        run.store = Store(run.settings.database_path, run.deadline)
    except Exception as error:
        return error
    watchdog.interrupt = run.store.interrupt
    try:
        work(run)
        return None
    except (Exception, Interrupted) as error:
        watchdog.interrupt = None
        _record_failure(run, error)
        return error
    finally:
        run.store.close()


def _record_failure(run: Run, error: BaseException) -> None:
    """Leave the outcome in `job_state` if the lease is still ours and the database lets us."""
    if run.holding is None or isinstance(error, LeaseLost):
        return
    try:
        if isinstance(error, DeadlineExceeded):
            with run.store.snapshot():
                run.remaining = run.store.count_dirty_rows(deadline.for_lock_wait(_COUNT_S))
        with run.store.transaction(deadline.for_lock_wait(_RECORD_S)):
            run.renew()
            outcome = TIMEOUT if isinstance(error, DeadlineExceeded) else ERROR
            run.record_finish(outcome, run.flushed)
    except (Exception, Interrupted):
        pass  # the first error is the one to report


def report(run: Run, error: BaseException | None, *, held_ok: bool, as_json: bool) -> int:
    """Print the JSON object if it is wanted, log how the run ended, return the exit code."""
    error = error and errors.named(error)
    run.outcome, event, exit_code = _judge_end(run.job, error)
    if isinstance(error, LockHeld | LeaseLost):
        run.lock = {key: error.fields.get(key) for key in ("owner", "lease_id", "token")}
        run.lock = {"outcome": run.outcome, **run.lock}
    if run.outcome == HELD and held_ok:
        exit_code = exit_codes.DONE
    if as_json:
        line = json.dumps(run.as_json(), default=str) + "\n"
        terminal.write_line(terminal.STDOUT, line.encode(), _STALL_S)
    if error is not None and event is not None:
        _log_end(run, error, event, exit_code)
    return exit_code


def _judge_end(job: Job, error: BaseException | None) -> tuple[str, Event | None, int]:
    match error:
        case None:
            return OK, None, exit_codes.DONE
        case LockHeld():
            return HELD, job.held, error.exit_code
        case LeaseLost():
            return LOST, job.lost, error.exit_code
        case DeadlineExceeded():
            return TIMEOUT, job.timeout, error.exit_code
        case BanguiError() | Interrupted():
            return ERROR, job.error, error.exit_code
        case _:
            return ERROR, job.error, exit_codes.UNEXPECTED


def _log_end(run: Run, error: BaseException, event: Event, exit_code: int) -> None:
    log = run.invocation.log
    if exit_code == exit_codes.DONE and isinstance(error, BanguiError):
        log.emit(event._replace(level="debug"), **error.fields)
        return
    counts: dict[str, object] = {"duration_s": run.duration_s()}
    if run.outcome in (TIMEOUT, LOST):
        counts |= {"flushed": run.flushed, "remaining": run.remaining}
    if isinstance(error, BanguiError):
        log.emit_final(event, error.error, exit_code, error.hint, **error.fields, **counts)
    elif isinstance(error, Interrupted):
        log.emit_final(event, error.error, exit_code, error.hint, **counts)
    else:
        log.emit_final(event, *unexpected(error), **counts, traceback=traceback_text(error))


def unexpected(error: BaseException) -> tuple[str, int, str]:
    """Return error, exit code and hint for what should not have happened."""
    hint = "this is a bug: report it with this line"
    return f"{type(error).__name__}: {error}", exit_codes.UNEXPECTED, hint


def traceback_text(error: BaseException) -> str:
    """Return the traceback, its end first to survive a cut."""
    return "".join(traceback.format_exception(error)[::-1])
