"""The entry point: the clock and the watchdog first, then all that takes time, hangs or fails."""

import _signal  # type: ignore[import-not-found]
import gc

# What is imported stays: to look for garbage among it costs a heartbeat a twentieth of its time.
if gc.isenabled():
    gc.disable()
# Ctrl-C while the imports below run must end the process, not print a traceback.
if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

import os
import sys
from typing import NoReturn

from bangui_cli.host import clocks, descriptors, terminal
from bangui_cli.states import errors, events, exit_codes
from bangui_cli.states.errors import BanguiError, Interrupted
from bangui_cli.telling import bare

_OUT_OF_MEMORY = (
    b'{"error": "out of memory", "exit_code": %d, "hint": "free memory"}\n' % exit_codes.UNAVAILABLE
)


def run() -> NoReturn:
    """Run the command line of this process and end it."""
    # What Python cannot raise it prints with a traceback.
    sys.unraisablehook = lambda _: None
    try:
        _end(_work(sys.argv[1:]))
    except BaseException as error:
        failure = error.with_traceback(None)
        failure.__context__ = failure.__cause__ = None
    # What the tracebacks held is free by now: the words may need it.
    _end(_say_last_words(failure))


def _work(arguments: list[str]) -> int:
    started_s = clocks.process_started_s()
    from bangui_cli.cli import glance
    from bangui_cli.settings.invocation import Invocation

    invocation = Invocation(started_s=started_s)
    try:
        glance.begin(arguments, invocation)
        from bangui_cli.cli import boundary

        return boundary.execute(arguments, invocation)
    except (BanguiError, Interrupted, OSError) as error:
        # It came before the boundary could hold it, or between a failure and its report.
        from bangui_cli.cli import boundary

        return boundary.report(error, arguments, invocation)


def _say_last_words(error: BaseException) -> int:
    """Log a failure whose report failed itself, for want of memory or descriptors: import nothing."""
    try:
        state = errors.named(descriptors.shortage() or error)
        words = {
            "error": getattr(state, "error", type(error).__name__),
            "exit_code": getattr(state, "exit_code", exit_codes.UNEXPECTED),
            "hint": getattr(state, "hint", "look at ulimit -a"),
        }
        log_format = "terminal" if terminal.stderr_is_terminal() else "json"
        exit_code, line = (
            int(words["exit_code"]),
            bare.render(log_format, events.COMMAND_FAILED, {}, words),
        )
    except MemoryError:
        exit_code, line = exit_codes.UNAVAILABLE, _OUT_OF_MEMORY
    try:
        os.write(2, line)
    except OSError:
        pass
    return exit_code


def _end(exit_code: int) -> NoReturn:
    """End the process at once.

    The interpreter's ordinary shutdown costs a heartbeat a sixth of its time; SQLite's files are
    closed and the streams flushed by then, so nothing is left for it to do.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
    os._exit(exit_code)
