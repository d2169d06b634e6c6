"""What a child of this process has to settle before it does its work."""

import faulthandler
import gc
import os
import resource
import signal
from collections.abc import Callable
from functools import cache

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def leave_parents_world() -> None:
    """Die of signals, without a word and without a core file, and make no search for garbage."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.disable()
    gc.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_with(parent: int) -> None:
    """Let the kernel end this process with its parent; to take another identity undoes that."""
    if prctl := load_prctl():
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(0)


@cache
def load_prctl() -> Callable[[int, int], int] | None:
    """Return prctl(2). To call this before a fork loads it once for all children."""
    try:
        import ctypes  # 2 ms
    except ImportError:  # a Python built without it: other limits still end the child
        return None
    return ctypes.CDLL(None).prctl
