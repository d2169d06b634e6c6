"""Name the state behind an error of SQLite."""

import os
import sqlite3

from bangui_cli.errors import (
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
)

_STATES: dict[int, type[BanguiError]] = {
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_LOCKED: DatabaseBusy,
    sqlite3.SQLITE_PROTOCOL: DatabaseBusy,
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_IOERR: IoFailed,
    sqlite3.SQLITE_READONLY: PermissionRefused,
    sqlite3.SQLITE_PERM: PermissionRefused,
    sqlite3.SQLITE_AUTH: PermissionRefused,
    sqlite3.SQLITE_CORRUPT: DatabaseCorrupt,
    sqlite3.SQLITE_NOTADB: NotADatabase,
}
_WORDS = {
    DatabaseBusy: "is locked by another process",
    DiskFull: "cannot grow: the disk or quota is full",
    IoFailed: "cannot be read or written",
    JournalLeft: "holds the half-done write of a run that was killed",
    PermissionRefused: "may not be read or written by this user",
    DatabaseCorrupt: "is damaged",
    NotADatabase: "is not an SQLite database",
    NoDatabase: "cannot be opened",
}


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its extension; 0 where the module raised by itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def translate(error: sqlite3.Error, path: str) -> BaseException:
    """Name the state behind an error of SQLite; an unknown one is returned as it is (a bug)."""
    code = primary_code(error)
    state = _STATES.get(code)
    if code == sqlite3.SQLITE_CANTOPEN:
        state = _why_it_cannot_be_opened(path)
    if code == sqlite3.SQLITE_ERROR and "no such" in str(error):
        return NoTables(f"{path} lacks bangui's tables ({error})", path=path)
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
        state = JournalLeft
    if state is None:
        return error
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    return state(f"{path} {_WORDS[state]} ({name}: {error})", path=path)


def _why_it_cannot_be_opened(path: str) -> type[BanguiError]:
    """Given SQLITE_CANTOPEN, which says nothing, look: the file, or the directory of its journal."""
    directory = os.path.dirname(path) or "."
    if not os.path.exists(path):
        return NoDatabase
    if not os.access(path, os.R_OK) or not os.access(directory, os.W_OK | os.X_OK):
        return PermissionRefused
    return IoFailed
