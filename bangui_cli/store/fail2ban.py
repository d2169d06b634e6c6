"""Read fail2ban's own database while its server runs.

A reader that stays makes the server lose bans ("database is locked", after 5 s): each function here
opens the file read-only, fetches once and lets go of it.
"""

import os
import sqlite3
import stat
from collections.abc import Mapping

from bangui_cli.errors import (
    BanguiError,
    DatabaseBusy,
    DatabaseCorrupt,
    IoFailed,
    NoInput,
    NotADatabase,
    PermissionRefused,
    Unavailable,
)
from bangui_cli.store.opening import decode, quote_path

_WAIT_S = 2.0

# `bans` is the history, purged by age; `bips` keeps the latest ban, and so the permanent ones.
_ADDRESSES = "SELECT ip, 1 FROM bans UNION SELECT ip, 1 FROM bips"
_BANS = """
SELECT ip, count(*) FROM bans
 WHERE (:jail IS NULL OR jail = :jail) AND timeofban >= :since_s GROUP BY ip"""
_ACTIVE = """
SELECT ip, count(*) FROM bips
 WHERE (:jail IS NULL OR jail = :jail) AND timeofban >= :since_s
   AND (bantime < 0 OR timeofban + bantime > :now_s) GROUP BY ip"""


def read_addresses(path: str) -> list[str]:
    """Return every address (or network, or nonsense) that fail2ban remembers, each once."""
    return [ip for ip, _ in _fetch(path, _ADDRESSES)]


def count_bans(
    path: str, *, jail: str | None = None, since_s: float = 0, active_at_s: float | None = None
) -> list[tuple[str, int]]:
    """Count the bans of each address since a wall-clock time; only those active at one, if given."""
    parameters = {"jail": jail, "since_s": since_s, "now_s": active_at_s}
    return _fetch(path, _BANS if active_at_s is None else _ACTIVE, parameters)


def _fetch(
    path: str, query: str, parameters: Mapping[str, object] | None = None
) -> list[tuple[str, int]]:
    _require_regular_file(path)
    try:
        connection = sqlite3.connect(f"file:{quote_path(path)}?mode=ro", uri=True, timeout=_WAIT_S)
        try:
            connection.text_factory = decode
            rows = connection.execute(query, parameters or {}).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _name_state(error, path) from None
    return [(str(ip), count) for ip, count in rows]


def _require_regular_file(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        raise PermissionRefused(f"no permission to reach {path}", hint=_HINT_ROOT, path=path) from None
    except (OSError, ValueError):
        raise NoInput(f"no fail2ban database at {path}", hint=_HINT_PATH, path=path) from None
    # SQLite would wait for the writer of a named pipe.
    if not stat.S_ISREG(mode):
        raise NotADatabase(f"{path} is no regular file", hint=_HINT_PATH, path=path)


def _name_state(error: sqlite3.Error, path: str) -> BanguiError:
    """Say what is the matter with the file, and what to do, in words for fail2ban's operator."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN and not os.access(path, os.R_OK):
        return PermissionRefused(f"no permission to read {path}", hint=_HINT_ROOT, path=path)
    state, what, hint = _STATES.get(code, _FOREIGN)
    return state(f"{path} {what} ({error})", hint=hint, path=path)


_HINT_PATH = "fail2ban-client get dbfile tells the path; give it with --fail2ban=PATH or fail2ban_db"
_HINT_ROOT = "run as root, to whom fail2ban's database belongs"
_FOREIGN = (NotADatabase, "is not a database of fail2ban 0.11 or later", _HINT_PATH)
_STATES: dict[int, tuple[type[BanguiError], str, str]] = {
    sqlite3.SQLITE_BUSY: (DatabaseBusy, "is locked", "try again: fail2ban writes only for moments"),
    sqlite3.SQLITE_READONLY: (
        Unavailable, "holds the half-done write of a fail2ban that was killed",
        "start fail2ban: it cleans up, and only it should",
    ),
    sqlite3.SQLITE_IOERR: (IoFailed, "cannot be read", "look for disk errors (dmesg)"),
    sqlite3.SQLITE_CANTOPEN: (IoFailed, "cannot be opened", "look for disk errors (dmesg)"),
    sqlite3.SQLITE_CORRUPT: (
        DatabaseCorrupt, "is damaged",
        "stop fail2ban, move the file aside and start fail2ban: it makes a new one",
    ),
    sqlite3.SQLITE_NOTADB: (NotADatabase, "is not an SQLite database", _HINT_PATH),
}  # fmt: skip
