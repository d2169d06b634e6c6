"""The one boundary that turns whatever happens into output and an exit code."""

import click

from bangui_cli.cli.group import cli
from bangui_cli.host import signals, terminal
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import errors, events, exit_codes
from bangui_cli.states.errors import Interrupted, UsageFault
from bangui_cli.states.events import Event


def execute(arguments: list[str], invocation: Invocation) -> int:
    """Run a command line and return its exit code, every failure logged as one final event."""
    try:
        return _invoke(arguments, invocation)
    except (click.exceptions.Exit, SystemExit) as end:
        return int(getattr(end, "exit_code", None) or getattr(end, "code", None) or exit_codes.DONE)
    except (Exception, Interrupted) as error:
        return report(error, arguments, invocation)


def _invoke(arguments: list[str], invocation: Invocation) -> int:
    if "_BANGUI_COMPLETE" in invocation.environment:
        cli.main(arguments, prog_name="bangui", obj=invocation)
    with cli.make_context("bangui", arguments, obj=invocation) as context:
        return cli.invoke(context) or exit_codes.DONE


def report(error: BaseException, arguments: list[str], invocation: Invocation) -> int:
    """Log the event that explains a failure; return the exit code."""
    signals.ignore()
    if isinstance(error, click.UsageError):
        return _report_usage(error, arguments, invocation)
    if isinstance(error, BrokenPipeError):
        return exit_codes.DONE  # whoever read the help has seen enough
    failure = errors.explain(error)
    invocation.log.prepare()  # if that hangs, the watchdog can still tell it
    invocation.watchdog.claim_finish(failure.exit_code)
    invocation.log.emit_failure(_failure_event(invocation), failure)
    return failure.exit_code


def _report_usage(error: click.UsageError, arguments: list[str], invocation: Invocation) -> int:
    from bangui_cli.jobs.catalogue import BY_COMMAND
    from bangui_cli.jobs.report import Report

    _salvage_options(arguments, invocation)
    path = error.ctx.command_path if error.ctx else "bangui"
    message, usage = error.format_message(), error.ctx.get_usage() if error.ctx else ""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        message, usage = "no command is given", message
    if invocation.log.is_console:
        terminal.write_line(terminal.STDERR, usage.encode() + b"\n", 1.0)
    fault = UsageFault(message, hint=f"see {path} --help" + _misplaced(error))
    job = BY_COMMAND.get(path.removeprefix("bangui "))
    if job is None:
        return report(fault, arguments, invocation)
    invocation.set_job(job.id)
    result = Report(job, invocation, held_ok=False, as_json="--json" in arguments)
    result.end(fault)
    return result.exit_code


def _misplaced(error: click.UsageError) -> str:
    """Say where options belong, to who gave one to a group."""
    in_group = error.ctx is not None and isinstance(error.ctx.command, click.Group)
    is_option = isinstance(error, click.NoSuchOption)
    return "; options stand after the command's name" if in_group and is_option else ""


def _salvage_options(arguments: list[str], invocation: Invocation) -> None:
    """Take from a faulty command line what says how to log: format, level, correlation ID."""
    from bangui_cli.cli.options import Command

    Command("bangui", example="").make_context(
        "bangui", arguments.copy(), obj=invocation, resilient_parsing=True, ignore_unknown_options=True
    )


def _failure_event(invocation: Invocation) -> Event:
    from bangui_cli.jobs.catalogue import JOBS

    for job in JOBS:
        if job.id == invocation.job:
            return job.error
    return events.COMMAND_FAILED
