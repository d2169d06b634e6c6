"""The frame around a job's pass: settings, deadline, what is left behind by a failure."""

from collections.abc import Callable

from bangui_cli.host import deadline, signals
from bangui_cli.host.deadline import Deadline
from bangui_cli.jobs import report
from bangui_cli.jobs.catalogue import FLUSH, Job
from bangui_cli.jobs.report import Report
from bangui_cli.jobs.run import Run
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings
from bangui_cli.states import events
from bangui_cli.states.errors import BanguiError, Interrupted, LockHeld
from bangui_cli.store import Store, open_store

# What an overdue run may still spend: with the watchdog's patience it stays within 0.3 s.
_RECORD_S = 0.06
_COUNT_S = 0.04

Work = Callable[[Run], None]
Prepare = Callable[[Settings, Deadline], None]
Opens = Callable[..., Store]


def run_job(
    job: Job,
    invocation: Invocation,
    work: Work,
    *,
    held_ok: bool,
    as_json: bool,
    dry_run: bool = False,
    prepare: Prepare | None = None,
    opens: Opens = open_store,
    durable: bool = False,
) -> Report:
    """Do `work` under the job's timeout; report whatever comes of it.

    `prepare` comes before the database is opened: there root gives up what rights it has for good.
    Work with the history `opens` the store with it. With `durable`, what is committed survives a power
    cut.
    """
    invocation.set_job(job.id)
    invocation.log.stall_s = report.STALL_S
    result = Report(job, invocation, held_ok=held_ok, as_json=as_json, dry_run=dry_run)
    try:
        settings = invocation.settings
    except BanguiError as error:
        result.end(error)
        return result
    run_deadline = deadline.for_run(invocation.started_s, settings[job.timeout_key].value)
    signals.redirect(run_deadline.cut_short)
    invocation.watchdog.keep(run_deadline, result.give_up, invocation.log.prepare)

    def attempt() -> None:
        if invocation.takes_turns:
            result.waited_s = _await_turn(job, invocation, settings, run_deadline)
        if prepare:
            prepare(settings, run_deadline)
        with opens(settings.database_path, run_deadline, durable=durable) as store:
            _warn_of_second_name(invocation, settings, store)
            _do(work, Run(invocation, settings, store, run_deadline, result))

    result.end(_error_of(attempt))
    invocation.watchdog.release()
    return result


def _await_turn(job: Job, invocation: Invocation, settings: Settings, run_deadline: Deadline) -> float:
    from bangui_cli.access import turns  # only a schedule asks for it

    timeout_s, interval_s = settings[job.timeout_key].value, settings[job.interval_key].value
    return turns.wait_within(
        invocation, settings, job.command, timeout_s, interval_s or timeout_s, run_deadline.sleep_s
    )


def _error_of(attempt: Callable[[], None]) -> BaseException | None:
    try:
        attempt()
    except (Exception, Interrupted) as error:
        return error
    return None


def _do(work: Work, run: Run) -> None:
    try:
        run.deadline.check()  # the start of the interpreter may have used it up
        work(run)
    except (Exception, Interrupted) as error:
        _leave_behind(run, error)
        raise


def _warn_of_second_name(invocation: Invocation, settings: Settings, store: Store) -> None:
    names = store.count_names()
    if names > 1:
        invocation.log.emit(
            events.DATABASE_HAS_SECOND_NAME,
            path=settings.database_path,
            names=names,
            hint="a run that is killed leaves its journal beside one name only; see bangui doctor",
        )


def _leave_behind(run: Run, error: BaseException) -> None:
    """After a failure, record the outcome and count what is left, as far as time and lease allow."""
    if run.store.is_in_doubt:
        run.report.counts = dict.fromkeys(run.report.counts)
    if run.lease_id or not run.job.under_lock:
        run.store.hurry(_RECORD_S)
        try:
            _record(run, report.outcome_of(error))
        except Exception:
            pass  # the first error is the one to report; a lost lease forbids to record it
    # A held pass is the ordinary life of a second instance: it pays for a count only when asked.
    if run.job is FLUSH and (run.report.as_json or not isinstance(error, LockHeld)):
        run.store.hurry(_COUNT_S)
        run.report.counts["remaining"] = run.count_remaining()


def _record(run: Run, outcome: str) -> None:
    rows = run.report.counts[run.job.counted]
    if run.lease_id:
        run.store.record_finish(run.lease_id, run.finish(outcome, rows))
    else:
        run.record_alone(outcome, rows)
