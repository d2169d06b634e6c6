"""Name the state behind an error of SQLite."""

import os
import sqlite3

from bangui_cli.rules.sqlite_spelling import sidecars
from bangui_cli.states.errors import (
    BanguiError,
    DatabaseBusy,
    DatabaseCorrupt,
    DiskFull,
    IoFailed,
    JournalLeft,
    NoDatabase,
    NoTables,
    NotADatabase,
    PermissionRefused,
    RowRefused,
)

_MOST_DESCRIPTORS = 65_536
_CHUNK_BYTES = 1 << 20
_BUSY = (DatabaseBusy, "is locked by another process")
_REFUSED = (PermissionRefused, "may not be read or written by this user")
_UNFIT = (RowRefused, "refuses a row")
# An extended code counts before its primary one.
_STATES: dict[int, tuple[type[BanguiError], str]] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_PROTOCOL: _BUSY,
    sqlite3.SQLITE_SCHEMA: _BUSY,
    sqlite3.SQLITE_FULL: (DiskFull, "cannot grow: the disk or quota is full"),
    sqlite3.SQLITE_IOERR: (IoFailed, "cannot be read or written"),
    sqlite3.SQLITE_READONLY: _REFUSED,
    sqlite3.SQLITE_PERM: _REFUSED,
    sqlite3.SQLITE_AUTH: _REFUSED,
    sqlite3.SQLITE_READONLY_ROLLBACK: (
        JournalLeft,
        "holds the half-done write of a run that was killed",
    ),
    sqlite3.SQLITE_CORRUPT: (DatabaseCorrupt, "is damaged"),
    sqlite3.SQLITE_NOTADB: (NotADatabase, "is not an SQLite database"),
    sqlite3.SQLITE_CONSTRAINT: _UNFIT,
    sqlite3.SQLITE_MISMATCH: _UNFIT,
    sqlite3.SQLITE_TOOBIG: _UNFIT,
}


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its extension; 0 where the module raised by itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def translate(error: sqlite3.Error, path: str) -> BaseException:
    """Name the state behind an error of SQLite; an unknown one is returned as it is (a bug)."""
    state, words = _state_of(error, path)
    if state is None:
        return error
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    hint = _way_in(path) if state is PermissionRefused else None
    return state(f"{path} {words} ({name}: {error})", hint=hint, path=path)


def _state_of(error: sqlite3.Error, path: str) -> tuple[type[BanguiError] | None, str]:
    code = primary_code(error)
    if code == sqlite3.SQLITE_CANTOPEN:
        return _why_it_cannot_be_opened(path)
    if code == sqlite3.SQLITE_ERROR and any(words in str(error) for words in ("no such", "no column")):
        return NoTables, "lacks bangui's tables"
    if code == sqlite3.SQLITE_CORRUPT and _is_unreadable(path):
        return IoFailed, "cannot be read"
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY) and not os.path.exists(path):
        return NoDatabase, "was moved or deleted while it was open"
    extended = getattr(error, "sqlite_errorcode", 0)
    return _STATES.get(extended) or _STATES.get(code) or (None, "")


def _is_unreadable(path: str) -> bool:
    """Tell whether the disk withholds a part of the open file: SQLite calls that corrupt, too."""
    try:
        descriptor = _descriptor_of(path)
        offset = 0
        while descriptor is not None and (chunk := os.pread(descriptor, _CHUNK_BYTES, offset)):
            offset += len(chunk)
    except OSError:
        return True
    return False


def _descriptor_of(path: str) -> int | None:
    """Return SQLite's own descriptor of a file: to close another one would drop SQLite's locks."""
    file = os.stat(path)
    most = min(os.sysconf("SC_OPEN_MAX"), _MOST_DESCRIPTORS)
    return next((number for number in range(most) if _leads_to(number, file)), None)


def _leads_to(descriptor: int, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file)
    except OSError:
        return False


def _why_it_cannot_be_opened(path: str) -> tuple[type[BanguiError], str]:
    """Given SQLITE_CANTOPEN, which says nothing, look: the file, or what goes beside it."""
    if not os.path.exists(path):
        return NoDatabase, "cannot be opened"
    return _REFUSED if _closed_place(path) else (IoFailed, "cannot be opened")


def _closed_place(path: str) -> str | None:
    """Return the first place that this user may not use: the file, its directory, a file beside it."""
    beside = [(name, os.R_OK | os.W_OK) for name in sidecars(path) if os.path.lexists(name)]
    places = [(path, os.R_OK | os.W_OK), (os.path.dirname(path) or ".", os.W_OK | os.X_OK), *beside]
    return next((place for place, wanted in places if not os.access(place, wanted)), None)


def _way_in(path: str) -> str | None:
    """Say what to do where not the database itself is closed to this user."""
    place = _closed_place(path)
    if place is None or place == path:
        return None
    import shlex  # 1 ms

    if place in sidecars(path):
        return f"give it to the owner of the database: chown --reference=FILE {shlex.quote(place)}"
    return f"let the owner of the database write its directory, too: ls -ld {shlex.quote(place)}"
