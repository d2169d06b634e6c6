"""Calls into the file system that do not come back, without any tool and for any user: file leases."""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def hanging_journal(database: Path) -> Iterator[None]:
    """Let SQLite hang where it opens the journal of a database, as it would on a dead disk.

    SQLite opens it again after each signal. What the journal holds is nothing to roll back.
    """
    journal = Path(f"{database}-journal")
    with journal.open("xb") as file:
        journal.chmod(0o600)
        file.write(bytes(512))
    try:
        with hanging_file(journal):
            yield
    finally:
        journal.unlink()


@contextmanager
def hanging_file(path: Path) -> Iterator[None]:
    """Let whoever opens a file wait for the holder of its lease, 45 s by the kernel's default."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        # Its default, SIGIO, would end this process when the lease is asked back.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            pytest.skip(f"this file system knows no leases: {error}")
        yield
    finally:
        os.close(descriptor)


def is_hanging(pid: int) -> bool:
    """Tell whether the main thread of a process sits in a call that waits for a lease."""
    return "break_lease" in Path(f"/proc/{pid}/wchan").read_text()
