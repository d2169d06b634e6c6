"""Run the MMDB reader in a child process, so that no damaged file ends the run.

The C reader is fast and trusts its file: a flipped byte makes it crash or corrupt its memory, a tree
that leads in circles keeps it busy, and a file cut short under its mmap is a SIGBUS. All of that ends
the child, and the run goes on to say so.
"""

import errno
import json
import os
import resource
import signal
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from bangui_cli.host import children, identity, vitals

_MIB = 1 << 20
_ANSWER_LIMIT_BYTES = 128 * _MIB
_DONE, _FAILED, _WITHHELD = "done", "failed", "withheld"


class Limits(NamedTuple):
    """What a child may use: CPU time, and memory beside its parent's and the files that it maps.

    `user` are the IDs of the user, and of the group, whose rights it is to have.
    """

    cpu_s: int
    mapped_bytes: int = 0
    memory_bytes: int = 512 * _MIB
    user: tuple[int, int] | None = None

    @property
    def wall_s(self) -> int:
        """Return the time after which a child that does nothing is given up, as on a dead disk."""
        return 60 + 3 * self.cpu_s


class ChildFailed(Exception):
    """The work raised, or the process that did it died; the message says which."""


def run_in_child(work: Callable[[], Any], limits: Limits) -> Any:
    """Return what `work` returns, which JSON must be able to carry.

    Raise ChildFailed, or OSError where the system withholds what the child needs.
    """
    children.load_prctl()  # once for all of them
    parent = os.getpid()
    reading_end, writing_end = os.pipe()
    with open(reading_end, "rb", buffering=0) as pipe:
        try:
            pid = os.fork()
            if pid == 0:
                _work_and_exit(work, limits, writing_end, parent)
        finally:
            os.close(writing_end)
        with vitals.helped_by(pid):
            status, answer = _wait_for(pid, pipe.read)
    if os.WIFSIGNALED(status):
        raise _death(os.WTERMSIG(status), limits)
    return _unpack(answer)


def _wait_for(pid: int, read: Callable[[int], bytes]) -> tuple[int, bytes]:
    """Return how a child ended, and its answer; kill it when something else ends the wait."""
    status, answer = 0, bytearray()
    try:
        while chunk := read(_MIB):
            answer += chunk
            if len(answer) > _ANSWER_LIMIT_BYTES:
                raise ChildFailed("the reader's answer has no end")
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
    return status, bytes(answer)


def _death(number: int, limits: Limits) -> Exception:
    """Say what ended a child: the file, or the system."""
    if number == signal.SIGXCPU:
        return ChildFailed(f"no answer within {limits.cpu_s} s of CPU time")
    if number == signal.SIGALRM:
        return OSError(errno.ETIMEDOUT, f"no answer within {limits.wall_s} s")
    if number == signal.SIGKILL:
        return OSError(errno.ENOMEM, "the reader was killed (SIGKILL), as when memory runs out")
    return ChildFailed(f"the reader crashed ({signal.Signals(number).name})")


def _unpack(answer: bytes) -> Any:
    # A child whose memory is corrupt may write anything: JSON cannot do harm, unlike marshal or pickle.
    try:
        kind, value, reason = json.loads(answer)
    except (ValueError, TypeError):
        raise ChildFailed("the reader gave no answer") from None
    if kind == _WITHHELD:
        raise OSError(value, reason)
    if kind != _DONE:
        raise ChildFailed(reason)
    return value


# In the child.


def _work_and_exit(work: Callable[[], Any], limits: Limits, writing_end: int, parent: int) -> NoReturn:
    try:
        _leave_the_parents_world(parent, writing_end)
        signal.alarm(limits.wall_s)
        with open(writing_end, "wb") as pipe:
            pipe.write(_outcome(work, limits, parent))
    finally:
        os._exit(0)


def _leave_the_parents_world(parent: int, writing_end: int) -> None:
    """Die with the parent, and of signals without a word on the streams."""
    children.leave_parents_world()
    children.die_with(parent)
    # Closed, and not led to /dev/null, which may be missing: the last words of the C library go nowhere.
    os.closerange(0, min(3, writing_end))


def _outcome(work: Callable[[], Any], limits: Limits, parent: int) -> bytes:
    """Work within the limits; return what is to be sent of it."""
    is_limited_here = False
    try:
        if limits.user:
            identity.shed(*limits.user)
            children.die_with(parent)
        _limit(resource.RLIMIT_CPU, limits.cpu_s)
        memory_bytes = _mapped_bytes() + limits.mapped_bytes + limits.memory_bytes
        is_limited_here = _limit(resource.RLIMIT_AS, memory_bytes)
        return _pack(_DONE, work())
    except OSError as error:
        return _pack(_WITHHELD, error.errno, error.strerror)
    except MemoryError:
        if is_limited_here:
            mib = limits.memory_bytes // _MIB
            return _pack(_FAILED, None, f"it wants more than {mib} MiB of memory")
        return _pack(_WITHHELD, errno.ENOMEM, os.strerror(errno.ENOMEM))
    except Exception as error:
        return _pack(_FAILED, None, f"{type(error).__name__}: {error}")


def _pack(kind: str, value: Any, reason: str | None = None) -> bytes:
    return json.dumps([kind, value, reason]).encode()


def _limit(kind: int, most: int) -> bool:
    """Lower a limit of this process; tell whether it was not as low before."""
    soft, hard = resource.getrlimit(kind)
    if soft != resource.RLIM_INFINITY and soft <= most:
        return False
    # At the soft limit of CPU time comes SIGXCPU; a second later, at the hard one, SIGKILL.
    resource.setrlimit(kind, (most, most + 1 if hard == resource.RLIM_INFINITY else hard))
    return True


def _mapped_bytes() -> int:
    with open("/proc/self/statm", "rb") as sizes:
        return int(sizes.read().split()[0]) * resource.getpagesize()
