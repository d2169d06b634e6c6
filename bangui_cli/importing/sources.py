"""The inputs of an import: files, pipes and stdin, read in chunks that tell when the input pauses."""

import errno
import os
import select
import stat
from collections.abc import Callable
from contextlib import nullcontext

from bangui_cli.host import clocks, vitals
from bangui_cli.importing.records import Chunks
from bangui_cli.states import errors
from bangui_cli.states.errors import BanguiError, IoFailed, NoInput

STDIN = "-"
_STDIN_DESCRIPTOR = 0
CHUNK_BYTES = 256 * 1024
_PAUSE_S = 0.2
# A pipe that never pauses for long must not keep its rows pending for long, either.
_LONGEST_RUN_S = 1.0


def require_readable(path: str) -> None:
    """Raise NoInput or PermissionRefused for what cannot be read, before anything is staged."""
    try:
        status = _status(path)
        if path != STDIN and not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unreadable(error, path, NoInput) from None
    if stat.S_ISDIR(status.st_mode):
        raise NoInput(f"cannot read {path}: it is a directory", hint="name the files in it: DIRECTORY/*")


def status_of(path: str) -> os.stat_result | None:
    """Return what the system knows of an input or an output, None where it is closed or not there."""
    try:
        return _status(path)
    except OSError:
        return None


def _status(path: str) -> os.stat_result:
    return os.fstat(_STDIN_DESCRIPTOR) if path == STDIN else os.stat(path)


def total_bytes(paths: list[str]) -> int | None:
    """Return the size of all inputs, None where one is a pipe or the like."""
    statuses = [status_of(path) for path in paths]
    if all(status and stat.S_ISREG(status.st_mode) for status in statuses):
        return sum(status.st_size for status in statuses if status)
    return None


def read_chunks(path: str, advance: Callable[[int], None]) -> Chunks:
    """Read an input to its end; None stands for a pause. `advance` is told each chunk's size.

    Raise NoInput, PermissionRefused or IoFailed.
    """
    try:
        descriptor = _STDIN_DESCRIPTOR if path == STDIN else _open(path)
    except OSError as error:
        raise _unreadable(error, path, NoInput) from None
    try:
        pauses = _Pauses(descriptor)
        while True:
            yield from pauses.until_ready()
            chunk = os.read(descriptor, CHUNK_BYTES)
            if not chunk:
                return
            advance(len(chunk))
            yield chunk
    except OSError as error:
        raise _unreadable(error, path, IoFailed) from None
    finally:
        if path != STDIN:
            os.close(descriptor)


def _open(path: str) -> int:
    with vitals.patience() if stat.S_ISFIFO(os.stat(path).st_mode) else nullcontext():
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


class _Pauses:
    """Waits for input, and tells when to commit meanwhile; a regular file never pauses."""

    def __init__(self, descriptor: int) -> None:
        self._poll: select.poll | None = None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLIN)
        self._last_s = clocks.monotonic_s()

    def until_ready(self) -> Chunks:
        """Yield None when the input pauses and once more when it goes on."""
        if self._poll is None:
            return
        overdue = clocks.monotonic_s() - self._last_s > _LONGEST_RUN_S
        if not self._poll.poll(_PAUSE_S * 1000):
            yield None
            with vitals.patience():
                self._poll.poll()
            overdue = True
        if overdue:
            self._last_s = clocks.monotonic_s()
            yield None


def _unreadable(error: OSError, path: str, otherwise: type[BanguiError]) -> BanguiError:
    return errors.of_os_error(error, f"cannot read {path}", otherwise=otherwise)
