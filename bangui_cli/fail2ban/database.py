"""Read fail2ban's own database while its server runs.

A reader that stays makes the server lose bans ("database is locked", after 5 s): each function here
opens the file read-only, fetches once, within a time that is safe, and lets go of it.
"""

import os
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterable, Mapping

from bangui_cli.host import clocks
from bangui_cli.rules.sqlite_spelling import decode, quote_path
from bangui_cli.states.errors import (
    BanguiError,
    DatabaseBusy,
    DatabaseCorrupt,
    IoFailed,
    NoInput,
    NotADatabase,
    PermissionRefused,
    Unavailable,
)

_WAIT_S = 2.0
_LIMIT_S = 4.0  # the wait included

# `bans` is the history, purged by age; `bips` keeps the latest ban, and so the permanent ones.
# Nothing is sorted or grouped here: it would treble the time for which the file is held.
_ADDRESSES = "SELECT ip FROM bans UNION ALL SELECT ip FROM bips"
_BANS = "SELECT ip FROM bans WHERE (:jail IS NULL OR jail = :jail) AND timeofban >= :since_s"
_ACTIVE = """
SELECT ip FROM bips
 WHERE (:jail IS NULL OR jail = :jail) AND timeofban >= :since_s
   AND (bantime < 0 OR timeofban + bantime > :now_s)"""


def read_addresses(path: str) -> list[str]:
    """Return every address (or network, or nonsense) that fail2ban remembers, each once."""
    return list(dict.fromkeys(_fetch(path, _ADDRESSES)))


def count_bans(
    path: str, *, jail: str | None = None, since_s: float = 0, active_at_s: float | None = None
) -> dict[str, int]:
    """Count the bans of each address since a wall-clock time; only those active at one, if given."""
    parameters = {"jail": jail, "since_s": since_s, "now_s": active_at_s}
    return Counter(_fetch(path, _BANS if active_at_s is None else _ACTIVE, parameters))


def _fetch(path: str, query: str, parameters: Mapping[str, object] | None = None) -> Iterable[str]:
    _require_regular_file(path)
    try:
        connection = sqlite3.connect(f"file:{quote_path(path)}?mode=ro", uri=True, timeout=_WAIT_S)
        try:
            connection.text_factory = bytes  # decoding can wait until the file is free again
            give_up_s = clocks.monotonic_s() + _LIMIT_S
            connection.set_progress_handler(lambda: clocks.monotonic_s() > give_up_s, 10_000)
            rows = connection.execute(query, parameters or {}).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _name_state(error, path) from None
    return (decode(ip) if isinstance(ip, bytes) else str(ip) for (ip,) in rows)


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
    sqlite3.SQLITE_INTERRUPT: (
        DatabaseBusy, "takes so long to read that fail2ban would lose bans",
        "lower fail2ban's dbpurgeage, or read a copy: sqlite3 FILE '.backup COPY'",
    ),
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
