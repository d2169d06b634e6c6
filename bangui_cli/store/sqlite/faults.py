"""Name the state behind an error of SQLite."""

import os
import sqlite3

from bangui_cli.host import descriptors
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
    OutOfResources,
    PermissionRefused,
    RowRefused,
)

_DESCRIPTORS = "/proc/self/fd"
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
    return state(f"{path} {words} ({name}: {error})", path=path)


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
    target = os.path.realpath(path)
    for name in os.listdir(_DESCRIPTORS):
        link = os.path.join(_DESCRIPTORS, name)
        if os.path.lexists(link) and os.readlink(link) == target:
            return int(name)
    return None


def _why_it_cannot_be_opened(path: str) -> tuple[type[BanguiError], str]:
    """Given SQLITE_CANTOPEN, which says nothing, look: the file, or the directory of its journal."""
    directory = os.path.dirname(path) or "."
    if descriptors.shortage():
        return OutOfResources, "cannot be opened: no more files may be"
    if not os.path.exists(path):
        return NoDatabase, "cannot be opened"
    if not os.access(path, os.R_OK) or not os.access(directory, os.W_OK | os.X_OK):
        return _REFUSED
    return IoFailed, "cannot be opened"
