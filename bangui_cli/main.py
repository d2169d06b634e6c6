"""The entry point, and the one boundary that turns whatever happens into output and an exit code."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

# Ctrl-C while the imports below run must end the process, not print a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import click

from bangui_cli import events, exit_codes, terminal
from bangui_cli.cli import cli
from bangui_cli.errors import BanguiError, Interrupted
from bangui_cli.events import Event
from bangui_cli.invocation import Invocation

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run() -> NoReturn:
    """Run the command line of this process and end it.

    The interpreter's ordinary shutdown costs a heartbeat a sixth of its time; SQLite's files are
    closed and the streams flushed by then, so nothing is left for it to do.
    """
    terminal.open_missing_streams()
    _install_signal_handlers()
    exit_code = execute(sys.argv[1:], Invocation(os.environ))
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
    os._exit(exit_code)


def execute(arguments: list[str], invocation: Invocation) -> int:
    """Run a command line and return its exit code, every failure logged as one final event."""
    try:
        return _invoke(arguments, invocation)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as stop:
        stop.show()
        return exit_codes.USAGE
    except click.UsageError as error:
        return _report_usage(error, invocation)
    except BrokenPipeError:
        return exit_codes.DONE
    except (BanguiError, Interrupted) as error:
        fields = error.fields if isinstance(error, BanguiError) else {}
        invocation.log.emit_final(
            _failure_event(invocation), error.error, error.exit_code, error.hint, **fields
        )
        return error.exit_code
    except Exception as error:
        return _report_unexpected(error, invocation)


def _invoke(arguments: list[str], invocation: Invocation) -> int:
    if "_BANGUI_COMPLETE" in invocation.environment:
        cli.main(arguments, prog_name="bangui", obj=invocation)
    with cli.make_context("bangui", arguments, obj=invocation) as context:
        return cli.invoke(context) or exit_codes.DONE


def _report_usage(error: click.UsageError, invocation: Invocation) -> int:
    from bangui_cli.jobs.catalogue import BY_COMMAND

    path = error.ctx.command_path if error.ctx else "bangui"
    job = BY_COMMAND.get(path.removeprefix("bangui "))
    if job:
        invocation.set_job(job.id)
    if error.ctx and invocation.log.is_console:
        click.echo(error.ctx.get_usage(), err=True)
    invocation.log.emit_final(
        _failure_event(invocation), error.format_message(), exit_codes.USAGE, f"see {path} --help"
    )
    return exit_codes.USAGE


def _report_unexpected(error: Exception, invocation: Invocation) -> int:
    from bangui_cli.jobs.run import traceback_text, unexpected

    invocation.log.emit_final(
        _failure_event(invocation), *unexpected(error), traceback=traceback_text(error)
    )
    return exit_codes.UNEXPECTED


def _failure_event(invocation: Invocation) -> Event:
    from bangui_cli.jobs.catalogue import JOBS

    for job in JOBS:
        if job.id == invocation.job:
            return job.error
    return events.COMMAND_FAILED


def _install_signal_handlers() -> None:
    for number in _SIGNALS:
        # nohup and a shell's background jobs set them to be ignored, and mean it.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(number: int, _: FrameType | None) -> None:
    # A second one ends the process at once, whatever the first is still waiting for.
    signal.signal(number, signal.SIG_DFL)
    raise Interrupted(number, signal.Signals(number).name)
