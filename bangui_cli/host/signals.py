"""The signals that ask the process to end, turned into an Interrupted."""

import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from bangui_cli.states.errors import Interrupted

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IMPORT_PAUSE_S = 0.01


def _raise(interrupted: Interrupted) -> NoReturn:
    raise interrupted


_react: Callable[[Interrupted], None] = _raise
_come: Interrupted | None = None


def install() -> None:
    """Raise Interrupted, once, wherever the main thread is when a signal comes."""
    for number in _ENDING:
        # nohup and a shell's background jobs set them to be ignored, and mean it.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)


def redirect(react: Callable[[Interrupted], None]) -> None:
    """Call `react` instead of raising.

    A signal is handled when SQLite's call returns, mostly a COMMIT: what is raised there would come
    between the commit and the line that counts it.
    """
    global _react  # noqa: PLW0603
    _react = react


def come() -> Interrupted | None:
    """Return the signal that has come: what is raised where SQLite calls back is lost."""
    return _come


def ignore() -> None:
    """Let nothing come between a failure and its report."""
    redirect(lambda _: None)


def _handle(number: int, frame: FrameType | None) -> None:
    global _come  # noqa: PLW0603
    if _is_importing(frame):
        _handle_later(number)
        return
    # A second one ends the process at once, whatever the first is still waiting for.
    for ending in _ENDING:
        if signal.getsignal(ending) is _handle:
            signal.signal(ending, signal.SIG_DFL)
    _come = Interrupted(number, signal.Signals(number).name)
    _react(_come)


def _is_importing(frame: FrameType | None) -> bool:
    """Tell whether a module is being imported: a package left half-way cannot be imported again."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _handle_later(number: int) -> None:
    signal.signal(signal.SIGALRM, lambda _, frame: _handle(number, frame))
    signal.setitimer(signal.ITIMER_REAL, _IMPORT_PAUSE_S)
