"""The inputs of an import: files, pipes and stdin, read in chunks that tell when the input pauses."""

import os
import resource
import select
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from bangui_cli.host import clocks
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


class Source(NamedTuple):
    """An input that is open."""

    path: str
    descriptor: int


@contextmanager
def open_sources(paths: Sequence[str]) -> Iterator[list[Source]]:
    """Open every input before anything is staged, and while this process may.

    Raise NoInput, PermissionRefused or OutOfResources.
    """
    _make_room(len(paths))
    sources: list[Source] = []
    try:
        sources += map(_open, paths)
        yield sources
    finally:
        for source in sources:
            if source.path != STDIN:
                os.close(source.descriptor)


def _make_room(files: int) -> None:
    """Let as many files be open at once, if the system's own limit allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files + _OTHER_DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _open(path: str) -> Source:
    if path == STDIN:
        return Source(path, _STDIN_DESCRIPTOR)
    try:
        # O_NONBLOCK: a named pipe whose writer comes later is waited for when it is its turn.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(error, path, NoInput) from None
    os.set_blocking(descriptor, True)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoInput(f"cannot read {path}: it is a directory", hint="name the files in it: DIRECTORY/*")
    return Source(path, descriptor)


def status_of(path: str) -> os.stat_result | None:
    """Return what the system knows of an input or an output, None where it is closed or not there."""
    try:
        return os.fstat(_STDIN_DESCRIPTOR) if path == STDIN else os.stat(path)
    except OSError:
        return None


def total_bytes(sources: Iterable[Source]) -> int | None:
    """Return the size of all inputs, None where one is a pipe or the like."""
    sizes = [_size_bytes(source) for source in sources]
    return None if None in sizes else sum(filter(None, sizes))


def _size_bytes(source: Source) -> int | None:
    try:
        status = os.fstat(source.descriptor)
    except OSError:  # a closed stdin
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def read_chunks(source: Source, advance: Callable[[int], None]) -> Chunks:
    """Read an input to its end; None stands for a pause. `advance` is told each chunk's size.

    Raise IoFailed, and what the system withholds.
    """
    try:
        pauses = _Pauses(source.descriptor)
        while True:
            yield from pauses.until_ready()
            chunk = os.read(source.descriptor, CHUNK_BYTES)
            if not chunk:
                return
            advance(len(chunk))
            yield chunk
    except OSError as error:
        raise _unreadable(error, source.path, IoFailed) from None


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


def _unreadable(error: OSError, path: str, otherwise: type[BanguiError]) -> BanguiError:
    return errors.of_os_error(error, f"cannot read {path}", otherwise=otherwise)
