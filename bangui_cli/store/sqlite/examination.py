"""Open a database so that nothing changes, neither its content nor the files beside it."""

import os

from bangui_cli.host.deadline import Deadline
from bangui_cli.store.sqlite import opening
from bangui_cli.store.sqlite.store import SqliteStore

_READ_VERSION_AT, _WAL = 19, b"\x02"


def open_unchanged(path: str, deadline: Deadline | None = None) -> SqliteStore:
    """Open a database to look at it. Raise what `open_store` raises, also for a hot journal.

    SQLite leaves an empty -wal and -shm behind when it opens a WAL database read-only; opened for
    writing, it takes them away again. Where they are there already, it is the other way round: the
    last one to leave would write the -wal back.
    """
    opening.approach(path)
    is_wal_alone = _is_wal(path) and not os.path.exists(f"{path}-wal")
    return SqliteStore(path, deadline, read_only=not is_wal_alone)


def _is_wal(path: str) -> bool:
    try:
        # O_NONBLOCK: the open of a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.pread(descriptor, 1, _READ_VERSION_AT) == _WAL
    except OSError:
        return False
    finally:
        os.close(descriptor)
