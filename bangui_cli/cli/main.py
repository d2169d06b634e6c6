"""The entry point: the clock and the timeout first, then all that takes time, hangs or fails."""

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

from bangui_cli.host import clocks, early
from bangui_cli.states import exit_codes

TYPE_CHECKING = False  # as in bangui_cli.states.records
if TYPE_CHECKING:
    from typing import NoReturn

_UNREADABLE = b'{"error": "bangui cannot be read", "exit_code": %d, "hint": "look at ulimit -a"}\n'


def run() -> "NoReturn":
    """Run the command line of this process and end it."""
    # What Python cannot raise it prints with a traceback.
    sys.unraisablehook = lambda _: None
    arguments, started_s = sys.argv[1:], clocks.process_started_s()
    early.keep_timeout(arguments, started_s, _tell_late)
    try:
        _end(_work(arguments, started_s))
    except BaseException as error:
        failure = error.with_traceback(None)
        failure.__context__ = failure.__cause__ = None
    # What the tracebacks held is free by now: the words may need it.
    _end(_say_last_words(failure))


def _work(arguments: list[str], started_s: float) -> int:
    from bangui_cli.cli import glance, last_words  # noqa: F401  the latter may import nothing later
    from bangui_cli.settings.invocation import Invocation
    from bangui_cli.states.errors import BanguiError, Interrupted

    invocation = Invocation(started_s=started_s)
    try:
        glance.begin(arguments, invocation)
        from bangui_cli.cli import boundary

        return boundary.execute(arguments, invocation)
    except (BanguiError, Interrupted, OSError) as error:
        # It came before the boundary could hold it, or between a failure and its report.
        from bangui_cli.cli import boundary

        return boundary.report(error, arguments, invocation)


def _tell_late(arguments: list[str], started_s: float, timeout_s: float) -> bool:
    from bangui_cli.cli import untimely

    return untimely.tell(arguments, started_s, timeout_s)


def _say_last_words(error: BaseException) -> int:
    try:
        from bangui_cli.cli import last_words

        return last_words.say(error)
    except (ImportError, OSError, MemoryError):  # before the words were read
        return _say_unreadable()


def _say_unreadable() -> int:
    try:
        os.write(2, _UNREADABLE % exit_codes.UNAVAILABLE)
    except OSError:
        pass  # nobody reads; the exit code still tells
    return exit_codes.UNAVAILABLE


def _end(exit_code: int) -> "NoReturn":
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
