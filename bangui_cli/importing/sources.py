"""The inputs of an import: files, pipes and stdin, read in chunks that tell when the input pauses."""

import errno
import os
import select
import stat
from collections.abc import Callable

from bangui_cli import clocks
from bangui_cli.errors import BanguiError, IoFailed, NoInput, PermissionRefused
from bangui_cli.importing.records import Chunks

STDIN = "-"
CHUNK_BYTES = 256 * 1024
_PAUSE_S = 0.2
# A pipe that never pauses for long must not keep its rows pending for long, either.
_LONGEST_RUN_S = 1.0


def require_readable(path: str) -> None:
    """Raise NoInput or PermissionRefused for what cannot be read, before anything is staged."""
    if path == STDIN:
        return
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise _failure(error, path) from None
    if stat.S_ISDIR(status.st_mode):
        raise NoInput(f"{path} is a directory", hint="give files; a shell expands DIR/*.json")
    if not os.access(path, os.R_OK):
        raise PermissionRefused(f"no permission to read {path}", hint="make it readable for this user")


def status_of(path: str) -> os.stat_result | None:
    """Return what the system knows of an input, None where it is closed or gone."""
    try:
        return os.fstat(0) if path == STDIN else os.stat(path)
    except (OSError, ValueError):
        return None


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
        descriptor = 0 if path == STDIN else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _failure(error, path) from None
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
        raise _failure(error, path) from None
    finally:
        if path != STDIN:
            os.close(descriptor)


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
            self._poll.poll()
            overdue = True
        if overdue:
            self._last_s = clocks.monotonic_s()
            yield None


def _failure(error: OSError | ValueError, path: str) -> BanguiError:
    number = getattr(error, "errno", errno.ENOENT)
    reason = os.strerror(number) if number else str(error)
    if number in (errno.EACCES, errno.EPERM):
        return PermissionRefused(f"no permission to read {path}", hint="make it readable for this user")
    if number in (
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENXIO,
    ):
        return NoInput(f"cannot read {path!r}: {reason}")
    return IoFailed(f"cannot read {path}: {reason}")
