"""Run the MMDB reader in a child process, so that no damaged file ends the run.

The C reader is fast and trusts its file: a flipped byte makes it crash or corrupt its memory, and a
file cut short under its mmap is a SIGBUS. Both end the child, and the run goes on to say so.
"""

import faulthandler
import gc
import json
import os
import resource
import signal
from collections.abc import Callable
from typing import Any, NoReturn

from bangui_cli.host import vitals

# A damaged record can also keep the reader busy for ever. The slowest one, in pure Python on a small
# board, has answered a hundred thousand look-ups by then.
TIME_LIMIT_S = 300


class ChildFailed(Exception):
    """The work raised, or the process that did it died; the message says which."""


def run_in_child(work: Callable[[], Any]) -> Any:
    """Return what `work` returns, which JSON must be able to carry. Raise ChildFailed."""
    reading_end, writing_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work_and_exit(work, writing_end)
    os.close(writing_end)
    status = 0
    try:
        with vitals.helped_by(pid), open(reading_end, "rb") as pipe:
            answer = pipe.read()
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        raise ChildFailed(_describe_signal(os.WTERMSIG(status)))
    return _unpack(answer)


def _unpack(answer: bytes) -> Any:
    # A child whose memory is corrupt may write anything: JSON cannot do harm, unlike marshal or pickle.
    try:
        succeeded, value = json.loads(answer)
    except (ValueError, TypeError):
        raise ChildFailed("the reader gave no answer") from None
    if not succeeded:
        raise ChildFailed(value)
    return value


def _work_and_exit(work: Callable[[], Any], writing_end: int) -> NoReturn:
    try:
        _leave_the_parents_world()
        with open(writing_end, "wb") as pipe:
            pipe.write(json.dumps(_outcome(work)).encode())
    finally:
        os._exit(0)


def _outcome(work: Callable[[], Any]) -> tuple[bool, Any]:
    try:
        return True, work()
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"


def _leave_the_parents_world() -> None:
    """Die of signals without a word: no handlers, no core file, no last message of the C library."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.disable()
    gc.disable()
    signal.alarm(TIME_LIMIT_S)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def _describe_signal(number: int) -> str:
    if number == signal.SIGALRM:
        return f"no answer within {TIME_LIMIT_S} s"
    return f"the reader crashed ({signal.Signals(number).name})"
