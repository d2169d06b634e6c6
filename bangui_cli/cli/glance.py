"""What can be told of a run before click, for which many files are read, looks at its command line."""

from collections.abc import Sequence

from bangui_cli.host import deadline, early, signals, terminal
from bangui_cli.jobs.catalogue import Job, find_job
from bangui_cli.jobs.report import Report
from bangui_cli.rules.command_line import last_value, wants_json
from bangui_cli.settings import table as settings
from bangui_cli.settings import values
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.states.errors import explain


def begin(arguments: Sequence[str], invocation: Invocation) -> None:
    """Make this process ready for a command: its streams, its signals, its watchdog.

    Raise Unavailable.
    """
    early.hand_over()
    terminal.open_missing_streams()
    if arguments and not arguments[0].startswith("-") and not {"-h", "--help"} & set(arguments):
        _watch(arguments, invocation)
    else:
        signals.install(None)


def _watch(arguments: Sequence[str], invocation: Invocation) -> None:
    """Start the watchdog, with the timeout of a job as far as it is known by now."""
    job = find_job(arguments)

    def report(reason: BaseException) -> int:
        if job:
            result = Report(job, invocation, held_ok=False, as_json=wants_json(arguments))
            return result.give_up(reason)
        failure = explain(reason)
        invocation.log_at_hand.last_words(events.COMMAND_FAILED, failure)
        return failure.exit_code

    invocation.watchdog.start(report)
    if job:
        invocation.set_job(job.id)
        timeout_s = _timeout_s(job, arguments, invocation)
        ends = deadline.for_run(invocation.started_s, timeout_s)
        invocation.watchdog.keep(ends, report, warm_up=lambda: None)


def _timeout_s(job: Job, arguments: Sequence[str], invocation: Invocation) -> float:
    """Return the timeout of the command line, else of the environment, else the default."""
    try:
        given = values.parse_duration_s(last_value("--timeout", arguments))
    except ValueError:  # none, or one that click refuses
        return float(settings.single(job.timeout_key, invocation.environment, {}))
    return given
