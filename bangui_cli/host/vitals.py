"""Whether this process gets on with its work, or sits in a call that does not come back."""

import _thread
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from bangui_cli.host import clocks, procfs
from bangui_cli.states.records import Record

_THREADS = "/proc/self/task"
# A file system that is dead may wake those who wait for it now and then, to no avail. One that works,
# however slowly, lets the process do more, or something else.
_IDLE_SHARE = 0.01
# Without the right to see the calls, anything counts that is no mere difference of two clocks.
_CLOCKS_DIFFER_S = 5e-6
_UNKNOWN, _NO_CALL = "", "running\n"

_patient_waits = 0
_children: set[int] = set()
_task: "Task | None" = None
_last_calls: dict[str, str] = {}


@contextmanager
def patience() -> Iterator[None]:
    """Wait for a person or for another program, which may take as long as it likes."""
    global _patient_waits  # noqa: PLW0603
    _patient_waits += 1
    try:
        yield
    finally:
        _patient_waits -= 1


def patience_with(descriptor: int) -> AbstractContextManager[None]:
    """Read or write with patience, but for a file: behind that stands a disk."""
    return nullcontext() if stat.S_ISREG(os.fstat(descriptor).st_mode) else patience()


@contextmanager
def helped_by(child: int) -> Iterator[None]:
    """Count the work of a child process as work of our own."""
    _children.add(child)
    try:
        yield
    finally:
        _children.discard(child)


class Task:
    """Work of one piece that may not look at any clock; `overrun` tells why the process ends for it."""

    def __init__(self, limit_cpu_s: float, overrun: Callable[[], BaseException]) -> None:
        self.limit_cpu_s = limit_cpu_s
        self.overrun = overrun

    def __enter__(self) -> None:
        global _task  # noqa: PLW0603
        _task = self

    def __exit__(self, *_: object) -> None:
        global _task  # noqa: PLW0603
        _task = None


class Pulse(Record):
    """The calls that all threads but the one that asks are in, and the CPU time that they have used.

    `task` is the piece of work that they are at, if it is one.
    """

    calls: tuple[str, ...]
    cpu_s: float
    task: Task | None = None


def feel_pulse() -> Pulse | None:
    """Return what this process is at; None while it may wait for others."""
    if _patient_waits:
        return None
    calls = [_call_of(thread) for thread in _other_threads()]
    # Of a child there is the CPU time alone: any work of it counts.
    calls += [f"{clocks.cpu_of_s(child):.5f}" for child in tuple(_children)]
    return Pulse(tuple(calls), clocks.others_cpu_s(), _task)


def is_still(before: Pulse | None, now: Pulse | None, elapsed_s: float) -> bool:
    """Tell whether a process has done nothing between two looks but to wait for the same calls."""
    if before is None or now is None or before.calls != now.calls:
        return False
    idle_s = _CLOCKS_DIFFER_S if _UNKNOWN in now.calls else _IDLE_SHARE * elapsed_s
    return now.cpu_s - before.cpu_s < idle_s


def cpu_for_one_task_s(before: Pulse | None, now: Pulse | None) -> float:
    """Return the CPU time between two looks, if all of it was for the same piece of work."""
    if before is None or now is None or now.task is None or now.task is not before.task:
        return 0.0
    return now.cpu_s - before.cpu_s


def _other_threads() -> list[str]:
    try:
        return sorted(set(os.listdir(_THREADS)) - {str(_thread.get_native_id())})
    except OSError:
        return [""]  # no /proc: nobody can see what they are in


def _call_of(thread: str) -> str:
    """Return the call into the kernel, with its arguments, that a thread is in, or was in last."""
    call = procfs.read(f"{_THREADS}/{thread}/syscall")
    if call != _NO_CALL:
        _last_calls[thread] = call
    return _last_calls.get(thread, _NO_CALL)
