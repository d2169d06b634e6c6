"""A child that keeps the rights of now, to do one thing for a process that gives its own up."""

import errno
import os
import signal
from collections.abc import Callable
from typing import NoReturn

_GO = b"\1"


class Deputy:
    """Does what it was made for when it is told to, and else what is left to do when its process ends.

    It takes nothing but that one word: whoever takes over a process without rights gains none by it.
    """

    def __init__(self, act: Callable[[], None], otherwise: Callable[[], None]) -> None:
        orders, self._order = os.pipe()
        self._answer, answers = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._order)
            _serve(orders, answers, act, otherwise)
        os.close(orders)
        os.close(answers)

    def act(self) -> None:
        """Have it done. Raise OSError as it was raised there."""
        os.write(self._order, _GO)
        number = int(os.read(self._answer, 16) or errno.ECHILD)
        if number:
            raise OSError(number, os.strerror(number))

    def dismiss(self) -> None:
        """Let it go; it does what is left to do, if anything is."""
        os.close(self._order)
        os.close(self._answer)
        os.waitpid(self._pid, 0)


def _serve(
    orders: int, answers: int, act: Callable[[], None], otherwise: Callable[[], None]
) -> NoReturn:
    try:
        # The process that it serves ends by them, and then it does what is left to do.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        if os.read(orders, 1) == _GO:
            os.write(answers, str(_errno_of(act)).encode())
        else:
            otherwise()
    finally:
        os._exit(0)


def _errno_of(act: Callable[[], None]) -> int:
    """Return 0 where it was done."""
    try:
        act()
    except OSError as error:
        return error.errno or errno.EIO
    except Exception:
        return errno.EEXIST  # something stands there that may not lose its name
    return 0
