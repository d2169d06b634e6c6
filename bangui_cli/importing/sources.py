"""The inputs of an import: files, pipes and stdin, read in chunks that tell when the input pauses."""

import errno
import os
import resource
import select
import stat
from collections.abc import Callable, Sequence
from functools import partial

from bangui_cli.host import clocks, inode, vitals
from bangui_cli.importing.records import Chunks
from bangui_cli.states import errors
from bangui_cli.states.errors import BanguiError, IoFailed, NoInput

STDIN = "-"
_STDIN_DESCRIPTOR = 0
_OTHER_DESCRIPTORS = 64
CHUNK_BYTES = 256 * 1024
_PAUSE_S = 0.2
# A pipe that never pauses for long must not keep its rows pending for long, either.
_LONGEST_RUN_S = 1.0


class Source:
    """An input of an import, opened when it is read, or earlier, with the rights of then."""

    def __init__(self, path: str) -> None:
        """Raise NoInput or PermissionRefused for what cannot be read, before anything is staged."""
        _require_readable(path)
        self.path = path
        self._descriptor: int | None = None

    def open(self) -> int:
        """Open it unless it is; return its descriptor. Raise NoInput, PermissionRefused or Untrusted."""
        if self._descriptor is None:
            try:
                self._descriptor = _open(self.path)
            except OSError as error:
                raise _unreadable(error, self.path, NoInput) from None
        return self._descriptor

    def read_chunks(self, advance: Callable[[int], None]) -> Chunks:
        """Read it to its end, once; None stands for a pause. `advance` is told each chunk's size.

        Raise NoInput, PermissionRefused, Untrusted or IoFailed.
        """
        descriptor = self.open()
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
            raise _unreadable(error, self.path, IoFailed) from None
        finally:
            self.close()

    def close(self) -> None:
        """Close it if it is open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def open_all(sources: Sequence[Source]) -> None:
    """Open inputs while this process may, however many. Raise what `Source.open` raises."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < len(sources) + _OTHER_DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        for source in sources:
            source.open()
    except BanguiError:
        for source in sources:
            source.close()  # to say what is the matter takes descriptors, too
        raise


def _open(path: str) -> int:
    if path == STDIN:
        return os.dup(_STDIN_DESCRIPTOR)
    descriptor = inode.open_seen(path, partial(inode.require_own_device, path))
    # A named pipe whose writer comes later is waited for when it is its turn.
    os.set_blocking(descriptor, True)
    return descriptor


def _require_readable(path: str) -> None:
    try:
        status = _status(path)
        if path != STDIN and not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unreadable(error, path, NoInput) from None
    if stat.S_ISDIR(status.st_mode):
        raise NoInput(f"cannot read {path}: it is a directory", hint="name the files in it: DIRECTORY/*")


def _status_if_any(path: str) -> os.stat_result | None:
    try:
        return _status(path)
    except OSError:
        return None


def _status(path: str) -> os.stat_result:
    return os.fstat(_STDIN_DESCRIPTOR) if path == STDIN else os.stat(path)


def total_bytes(sources: list[Source]) -> int | None:
    """Return the size of all inputs, None where one is a pipe or the like."""
    statuses = [_status_if_any(source.path) for source in sources]
    if all(status and stat.S_ISREG(status.st_mode) for status in statuses):
        return sum(status.st_size for status in statuses if status)
    return None


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
