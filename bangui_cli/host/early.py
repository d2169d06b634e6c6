"""Keep a timeout while the program itself is still being read, from a disk that is slow.

Of some hundred files the watchdog is among the last. This module, and what it imports, come first and
are as few as can be: not even typing is among them.
"""

import _signal  # type: ignore[import-not-found]
import os

from bangui_cli.host import clocks
from bangui_cli.rules.command_line import last_value
from bangui_cli.states import exit_codes

TYPE_CHECKING = False  # as in bangui_cli.states.records
if TYPE_CHECKING:
    from collections.abc import Callable

# What tells of the end wants some more files. It may hang as well, or whoever should read it.
_TELLING_S, _LAST_LINE_S = 0.5, 0.05
_LATE = (
    b'{"error": "the timeout was over before bangui was read", "exit_code": %d, '
    b'"hint": "see whether the disk that it is on works; raise --timeout"}\n' % exit_codes.TIMEOUT
)


def keep_timeout(
    arguments: list[str], started_s: float, tell: "Callable[[list[str], float, float], bool]"
) -> None:
    """End the process once the timeout on its command line is over.

    `tell` says so, or returns False where the command has none, and goes on then. One of minutes is not
    over before the watchdog has been told of it.
    """
    try:
        timeout_s = float((last_value("--timeout", arguments) or "").removesuffix("s"))
        left_s = max(started_s + timeout_s - clocks.monotonic_s(), 1e-6)
        if timeout_s > 0:
            _ring_in(left_s, lambda: _end(lambda: tell(arguments, started_s, timeout_s)))
    except (ValueError, OverflowError):
        pass  # there is none, or click refuses it


def hand_over() -> None:
    """Leave the timeout to the watchdog."""
    _signal.setitimer(_signal.ITIMER_REAL, 0)
    _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)


def _ring_in(seconds: float, react: "Callable[[], None]") -> None:
    _signal.signal(_signal.SIGALRM, lambda *_: react())
    _signal.setitimer(_signal.ITIMER_REAL, seconds)


def _end(tell: "Callable[[], bool]") -> None:
    _ring_in(_TELLING_S, _end_without_words)
    try:
        if not tell():
            hand_over()
            return
    except Exception:
        _end_without_words()  # as where a module is read only half
    _leave()


def _end_without_words() -> None:
    _ring_in(_LAST_LINE_S, _leave)
    try:
        os.write(2, _LATE)
    except OSError:
        pass  # nobody reads; the exit code still tells
    _leave()


def _leave() -> None:
    os._exit(exit_codes.TIMEOUT)
