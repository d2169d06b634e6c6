"""The one boundary that turns whatever happens into output and an exit code."""

import click

from bangui_cli.cli.group import cli
from bangui_cli.host import signals, terminal
from bangui_cli.jobs.catalogue import JOBS, find_job
from bangui_cli.jobs.report import Report
from bangui_cli.rules.command_line import wants_json
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events, exit_codes
from bangui_cli.states.errors import Interrupted, UsageFault


def execute(arguments: list[str], invocation: Invocation) -> int:
    """Run a command line and return its exit code, every failure logged as one final event."""
    invocation.arguments = arguments
    try:
        return _invoke(arguments, invocation)
    except (click.exceptions.Exit, SystemExit) as end:
        return int(getattr(end, "exit_code", None) or getattr(end, "code", None) or exit_codes.DONE)
    except (Exception, Interrupted) as error:
        return report(error, arguments, invocation)


def _invoke(arguments: list[str], invocation: Invocation) -> int:
    if "_BANGUI_COMPLETE" in invocation.environment:
        from bangui_cli.cli import completion

        completion.prepare()
        cli.main(arguments, prog_name="bangui", obj=invocation)
    with cli.make_context("bangui", arguments, obj=invocation) as context:
        return cli.invoke(context) or exit_codes.DONE


def report(error: BaseException, arguments: list[str], invocation: Invocation) -> int:
    """Log the event that explains a failure; return the exit code."""
    signals.ignore()
    if isinstance(error, BrokenPipeError):
        return exit_codes.DONE  # whoever read the help has seen enough
    if isinstance(error, click.UsageError):
        error = _explain_usage(error, arguments, invocation)
    job = next((job for job in JOBS if job.id == invocation.job), None)
    if job:
        result = Report(job, invocation, held_ok=False, as_json=wants_json(arguments))
        result.end(error)
        return result.exit_code
    failure = invocation.explain(error)
    invocation.log.prepare()  # if that hangs, the watchdog can still tell it
    invocation.watchdog.claim_finish(failure.exit_code)
    invocation.log.emit_failure(events.COMMAND_FAILED, failure)
    return failure.exit_code


def _explain_usage(error: click.UsageError, arguments: list[str], invocation: Invocation) -> UsageFault:
    """Say what is wrong with a command line, with its usage before it where a person reads the log."""
    _salvage_options(arguments, invocation)
    path = error.ctx.command_path if error.ctx else "bangui"
    job = find_job([*path.split()[1:], *arguments])
    if job:
        invocation.set_job(job.id)
    message, usage = error.format_message(), error.ctx.get_usage() if error.ctx else ""
    hint = f"see {path} --help" + _misplaced(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        message, usage, hint = "no command is given", message, f"name one of its commands; {hint}"
    if invocation.log.is_readable:
        terminal.write_line(terminal.STDERR, usage.encode() + b"\n", 1.0)
    return UsageFault(message, hint=hint)


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
