"""The signals that ask the process to end, turned into an Interrupted."""

# `signal` makes enumerations of all that is in `_signal`, for as long as everything here takes.
import _signal  # type: ignore[import-not-found]
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from bangui_cli.states.errors import Interrupted

NAMES = {_signal.SIGINT: "SIGINT", _signal.SIGTERM: "SIGTERM", _signal.SIGHUP: "SIGHUP"}
_IMPORT_PAUSE_S = 0.01


def _raise(interrupted: Interrupted) -> NoReturn:
    raise interrupted


_react: Callable[[Interrupted], None] = _raise
_come: Interrupted | None = None
_is_watched = False


def install(bell: int | None) -> None:
    """Raise Interrupted, once, wherever the main thread is when a signal comes.

    The numbers of all signals are written to the descriptor `bell`, also while no Python code runs.
    Whoever reads them is trusted to end the process where that is too slow, or a second signal comes.
    """
    global _is_watched  # noqa: PLW0603
    _is_watched = bell is not None
    if bell is not None:
        _signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    for number in NAMES:
        # nohup and a shell's background jobs set them to be ignored, and mean it.
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _handle)


def interrupted(number: int) -> Interrupted:
    """Return what a signal is turned into."""
    return Interrupted(number, NAMES[number])


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
    # What a second one would interrupt is the end that the first has asked for.
    if _come:
        return
    _come = interrupted(number)
    if not _is_watched:
        _let_the_next_one_kill()
    _react(_come)


def _let_the_next_one_kill() -> None:
    for number in NAMES:
        if _signal.getsignal(number) is _handle:
            _signal.signal(number, _signal.SIG_DFL)


def _is_importing(frame: FrameType | None) -> bool:
    """Tell whether a module is being imported: a package left half-way cannot be imported again."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _handle_later(number: int) -> None:
    _signal.signal(_signal.SIGALRM, lambda _, frame: _handle(number, frame))
    _signal.setitimer(_signal.ITIMER_REAL, _IMPORT_PAUSE_S)
