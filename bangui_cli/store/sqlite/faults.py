"""Name the state behind an error of SQLite."""

import os
import sqlite3

from bangui_cli.host import descriptors
from bangui_cli.rules.sqlite_spelling import decode, sidecars
from bangui_cli.states.errors import (
    BanguiError,
    DatabaseBusy,
    DatabaseCorrupt,
    DatabaseReplaced,
    DiskFull,
    FileTooLarge,
    ForeignSchema,
    IoFailed,
    JournalLeft,
    NoDatabase,
    NoTables,
    NotADatabase,
    OutOfResources,
    PermissionRefused,
    RowRefused,
)

_MOST_DESCRIPTORS = 65_536
_WRITE_VERSION_AT, _LATEST_VERSION = 18, 2
_CHUNK_BYTES = 1 << 20
_CALLBACK_FAILED = "user-defined function raised"
_BUSY = (DatabaseBusy, "is locked by another process")
_REFUSED = (PermissionRefused, "may not be read or written by this user")
_UNFIT = (RowRefused, "refuses a row")
_OTHER_FORMAT = (
    NotADatabase,
    "is of a format that this SQLite does not know: a later one wrote it, or its header is damaged",
)
# SQLite keeps to itself why; where the size of files is limited, that is why, rather than a bad disk.
_UNWRITTEN = (
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)
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
    sqlite3.SQLITE_READONLY_DBMOVED: (
        DatabaseReplaced,
        "was replaced by another file while it was open",
    ),
    sqlite3.SQLITE_CORRUPT: (DatabaseCorrupt, "is damaged"),
    sqlite3.SQLITE_NOTADB: (NotADatabase, "is not an SQLite database"),
    sqlite3.SQLITE_CONSTRAINT: _UNFIT,
    sqlite3.SQLITE_MISMATCH: _UNFIT,
    sqlite3.SQLITE_TOOBIG: _UNFIT,
}


# Words of SQLite that quote the file may be no UTF-8: then the module raises that in place of its error.
Raised = sqlite3.Error | UnicodeDecodeError
RAISED = (sqlite3.Error, UnicodeDecodeError)


def primary_code(error: Raised) -> int:
    """Return SQLite's result code without its extension; 0 where the module raised by itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_from_callback(error: Raised) -> bool:
    """Tell whether Python code that SQLite called has ended the statement, or failed."""
    return primary_code(error) == sqlite3.SQLITE_INTERRUPT or _CALLBACK_FAILED in str(error)


def translate(error: Raised, path: str) -> BaseException:
    """Name the state behind an error of SQLite; an unknown one is returned as it is (a bug)."""
    if isinstance(error, UnicodeDecodeError):
        error = _reworded(error)
    state, words = _state_of(error, path)
    if state is None:
        return error
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    hint = way_in(path) if state is PermissionRefused else None
    return state(f"{path} {words} ({name}: {error})", hint=hint, path=path)


def _reworded(lost: UnicodeDecodeError) -> sqlite3.Error:
    words = decode(lost.object)
    code = "SQLITE_CORRUPT" if words.startswith("malformed") else "SQLITE_ERROR"
    error = sqlite3.DatabaseError(words)
    error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, code), code
    return error


def _state_of(error: sqlite3.Error, path: str) -> tuple[type[BanguiError] | None, str]:
    code = primary_code(error)
    if code == sqlite3.SQLITE_CANTOPEN:
        return _why_it_cannot_be_opened(path)
    if code == sqlite3.SQLITE_ERROR:
        return _why_it_cannot_be_asked(str(error))
    extended = getattr(error, "sqlite_errorcode", 0)
    if extended in _UNWRITTEN and (most_bytes := _most_bytes()) is not None:
        return FileTooLarge, f"cannot be written: no file may have more than {most_bytes:,} bytes"
    if code == sqlite3.SQLITE_CORRUPT and _is_unreadable(path):
        return IoFailed, "cannot be read"
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY) and not os.path.exists(path):
        return NoDatabase, "was moved or deleted while it was open"
    if code == sqlite3.SQLITE_READONLY and _is_of_another_format(path):
        return _OTHER_FORMAT
    return _STATES.get(extended) or _STATES.get(code) or (None, "")


def _most_bytes() -> int | None:
    from bangui_cli.host import file_size  # a run that does not fail never asks

    return file_size.most_bytes()


def _why_it_cannot_be_asked(words: str) -> tuple[type[BanguiError] | None, str]:
    """Given the words of SQLITE_ERROR, which is all that it says, name the state."""
    if words.startswith("no such table"):
        return NoTables, "lacks bangui's tables"
    if words == "unsupported file format":
        return _OTHER_FORMAT
    if "syntax error" in words:
        return None, ""  # in a statement of ours
    # What is wrong with a statement that never changes is wrong with the schema.
    return ForeignSchema, "holds what neither bangui nor BanGUI made"


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


def _is_of_another_format(path: str) -> bool:
    """Tell whether the header lets only a later SQLite write, which this one calls read-only."""
    try:
        descriptor = _descriptor_of(path)
        header = os.pread(descriptor, _WRITE_VERSION_AT + 1, 0) if descriptor is not None else b""
    except OSError:
        return False
    return header[_WRITE_VERSION_AT:] > bytes([_LATEST_VERSION])


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
    if descriptors.shortage():
        return OutOfResources, "cannot be opened: no more files may be"
    if not os.path.exists(path):
        return NoDatabase, "cannot be opened"
    return _REFUSED if _closed_place(path) else (IoFailed, "cannot be opened")


def _closed_place(path: str) -> str | None:
    """Return the first place that this user may not use: the file, its directory, a file beside it."""
    beside = [(name, os.R_OK | os.W_OK) for name in sidecars(path) if os.path.lexists(name)]
    places = [(path, os.R_OK | os.W_OK), (os.path.dirname(path) or ".", os.W_OK | os.X_OK), *beside]
    return next((place for place, wanted in places if not os.access(place, wanted)), None)


def way_in(path: str) -> str | None:
    """Say what to do where not the database itself is closed to this user."""
    place = _closed_place(path)
    if place is None or place == path:
        return None
    import shlex  # 1 ms

    if place in sidecars(path):
        owned = f"--reference={shlex.quote(path)} {shlex.quote(place)}"
        return f"give it to the owner of the database: chown {owned}"
    return f"let the owner of the database write its directory, too: ls -ld {shlex.quote(place)}"
