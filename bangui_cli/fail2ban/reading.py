"""Open fail2ban's own database while its server runs, for one short read that trusts nothing in it.

A reader that stays makes the server lose bans ("database is locked", after 5 s). The file is another
program's: whoever can write it must not be able to keep a run busy, or fill its memory.
"""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bangui_cli.fail2ban import by_owner
from bangui_cli.host import clocks, signals, trust
from bangui_cli.rules.sqlite_spelling import quote_path, sidecars
from bangui_cli.states.errors import (
    BanguiError,
    DatabaseBusy,
    DatabaseCorrupt,
    Interrupted,
    IoFailed,
    NoInput,
    NotADatabase,
    PermissionRefused,
    Unavailable,
    of_os_error,
)

_WAIT_S = 2.0
_LIMIT_S = 4.0  # the wait included
# A step may be a page that the disk has to bring.
_LOOK_EVERY_STEPS = 1000
# Between two looks at the clock: each row may be a page that the disk has to bring, too.
_MOST_AT_ONCE_ROWS = 32
# The longest value that SQLite may take into memory, and the most rows that may leave it.
_VALUE_LIMIT_BYTES = 1_000_000
MOST_ROWS = 2_000_000

# Sorting goes into memory: the file is left sooner, and no directory for temporary files is needed.
_SET_UP = ("PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON", "PRAGMA temp_store = MEMORY")
_BEGIN, _COMMIT = "BEGIN", "COMMIT"
# A view or a virtual table has no page of its own.
_TABLES = """
SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name IN ('bans', 'bips')"""
_COLUMNS = {"bans": "PRAGMA table_xinfo(bans)", "bips": "PRAGMA table_xinfo(bips)"}
_NEEDED = {"bans": {b"jail", b"ip", b"timeofban"}, "bips": {b"jail", b"ip", b"timeofban", b"bantime"}}


class Reading:
    """One consistent state of the database. A value of type TEXT comes as bytes, to be decoded later."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def fetch(self, query: str, parameters: Mapping[str, object] | None = None) -> list[Any]:
        """Return the rows of a query. Raise NotADatabase where they have no end."""
        rows = self._connection.execute(query, parameters or {}).fetchmany(MOST_ROWS + 1)
        if len(rows) > MOST_ROWS:
            raise too_many(self._path)
        return rows

    def fetch_until(
        self, ends_at_s: float, query: str, parameters: Mapping[str, object]
    ) -> tuple[list[Any], bool]:
        """Return the first rows of a query, at least one, until a moment, and whether these are all.

        They end, too, somewhere before a row that is too long; where none is left, raise
        sqlite3.DataError.
        """
        rows: list[Any] = []
        try:
            cursor = self._connection.execute(query, parameters)
            # A few at first: those that are fetched together with a row that is too long are lost.
            while more := cursor.fetchmany(min(len(rows) + 1, _MOST_AT_ONCE_ROWS)):
                rows += more
                if clocks.monotonic_s() >= ends_at_s:
                    return rows, False
        except sqlite3.DataError:
            if not rows:
                raise
            return rows, False
        return rows, True

    def rest(self) -> None:
        """Let fail2ban write: what is read from then on is a later state, in a time of its own."""
        self._connection.execute(_COMMIT)
        _bound_time(self._connection)
        self._connection.execute(_BEGIN)

    def require_tables(self) -> None:
        """Raise NotADatabase unless what is to be read are tables, with plain columns."""
        tables = {name for (name,) in self.fetch(_TABLES)}
        for table, needed in _NEEDED.items():
            if table.encode() not in tables or not needed <= self._plain_columns(table):
                state, what, hint = _FOREIGN
                raise state(f"{self._path} {what} (its {table})", hint=hint, path=self._path)

    def _plain_columns(self, table: str) -> set[bytes]:
        """Return the columns that hold what was written, and do not compute it."""
        return {name for _, name, *_, hidden in self.fetch(_COLUMNS[table]) if not hidden}


def too_many(path: str) -> NotADatabase:
    """Say that there are more rows than any server's bans."""
    return NotADatabase(f"{path} holds more than {MOST_ROWS:,} bans", hint=_HINT_PURGE, path=path)


class ReadingByOwner(Reading):
    """A reading that a child has open, as the owner of the database."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def fetch(self, query: str, parameters: Mapping[str, object] | None = None) -> list[Any]:
        """Return the rows of a query."""
        return list(self._ask("fetch", query, parameters))

    def fetch_until(
        self, ends_at_s: float, query: str, parameters: Mapping[str, object]
    ) -> tuple[list[Any], bool]:
        """Return the first rows of a query, and whether these are all."""
        rows, are_all = self._ask("fetch_until", ends_at_s, query, parameters)
        return list(rows), are_all

    def rest(self) -> None:
        """Let fail2ban write."""
        self._ask("rest")


@contextmanager
def open_reading(path: str) -> Iterator[Reading]:
    """Read one state of fail2ban's database, within a time that is safe for its server.

    Root reads that of another user by a child who is that user. Raise NoInput, NotADatabase,
    DatabaseCorrupt, DatabaseBusy, PermissionRefused, Untrusted, Unavailable or IoFailed, and what the
    system withholds.
    """
    owner = by_owner.owner_of(path)
    _require_own_hands(path, owner)
    try:
        if owner:
            with by_owner.asking(path, owner, lambda: open_reading(path)) as ask:
                yield ReadingByOwner(ask)
        else:
            with _open_here(path) as reading:
                yield reading
    except sqlite3.Error as error:
        raise _signal_behind(error) or _name_state(error, path) from None


def _signal_behind(error: sqlite3.Error) -> Interrupted | None:
    """Return the signal that has ended a query: what is raised where SQLite calls back is lost."""
    is_cut_short = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT
    return signals.come() if is_cut_short else None


@contextmanager
def _open_here(path: str) -> Iterator[Reading]:
    _require_regular_files(path)
    connection = sqlite3.connect(
        f"file:{quote_path(path)}?mode=ro", uri=True, timeout=_WAIT_S, isolation_level=None
    )
    try:
        _distrust(connection)
        connection.execute(_BEGIN)
        reading = Reading(path, connection)
        reading.require_tables()
        yield reading
    finally:
        connection.close()


def _distrust(connection: sqlite3.Connection) -> None:
    """Bound what the file can cost, in time and in memory."""
    connection.text_factory = bytes  # decoding can wait until the file is free again
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_LIMIT_BYTES)
    _bound_time(connection)
    for statement in _SET_UP:
        connection.execute(statement)


def _bound_time(connection: sqlite3.Connection) -> None:
    give_up_s = clocks.monotonic_s() + _LIMIT_S
    connection.set_progress_handler(lambda: clocks.monotonic_s() > give_up_s, _LOOK_EVERY_STEPS)


def _require_own_hands(path: str, owner: tuple[int, int] | None) -> None:
    """Raise Untrusted where others than root and the owner could lead astray who reads.

    SQLite opens the sidecars of a WAL database to write even where it only reads, and as root gives
    them to the owner of the database: a second name, or a directory that is swapped, makes that any.
    """
    if os.geteuid() == trust.ROOT_ID and "\0" not in path:
        user_id = owner[0] if owner else trust.ROOT_ID
        trust.require_own_hands(path, user_id, group_counts=owner is None, way_out=_HINT_OWNER)


def _require_regular_files(path: str) -> None:
    """Raise for what SQLite would wait on, as the writer of a named pipe, or be led away by."""
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        raise PermissionRefused(f"no permission to reach {path}", hint=_HINT_ROOT, path=path) from None
    except (OSError, ValueError):
        raise NoInput(f"no fail2ban database at {path}", hint=_HINT_PATH, path=path) from None
    if not stat.S_ISREG(mode):
        raise NotADatabase(f"{path} is no regular file", hint=_HINT_PATH, path=path)
    # SQLite looks for them beside the file itself, wherever links lead to it.
    for sidecar in sidecars(os.path.realpath(path)):
        if os.path.lexists(sidecar) and not stat.S_ISREG(os.lstat(sidecar).st_mode):
            raise NotADatabase(
                f"{sidecar} is no regular file", hint="remove it: fail2ban did not make it", path=path
            )


def _name_state(error: sqlite3.Error, path: str) -> BanguiError:
    """Say what is the matter with the file, and what to do, in words for fail2ban's operator."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN:
        return _why_it_cannot_be_opened(path)
    state, what, hint = _STATES.get(code, _FOREIGN)
    return state(f"{path} {what} ({error})", hint=hint, path=path)


def _why_it_cannot_be_opened(path: str) -> BanguiError:
    """Ask the system: SQLite says nothing."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except PermissionError:
        return PermissionRefused(f"no permission to read {path}", hint=_HINT_ROOT, path=path)
    except OSError as error:
        return of_os_error(error, f"cannot open {path}")
    return IoFailed(f"cannot open {path}", path=path)


_HINT_PATH = "fail2ban-client get dbfile tells the path; give it with --fail2ban=PATH or fail2ban_db"
_HINT_OWNER = "run this as the user whose database it is"
_HINT_ROOT = "run as root, to whom fail2ban's database belongs"
_HINT_PURGE = "lower fail2ban's dbpurgeage, or read a copy: sqlite3 FILE '.backup COPY'"
_FOREIGN = (NotADatabase, "is not a database of fail2ban 0.11 or later", _HINT_PATH)
_STATES: dict[int, tuple[type[BanguiError], str, str]] = {
    sqlite3.SQLITE_BUSY: (DatabaseBusy, "is locked", "try again: fail2ban writes only for moments"),
    sqlite3.SQLITE_INTERRUPT: (
        DatabaseBusy, "takes so long to read that fail2ban would lose bans", _HINT_PURGE,
    ),
    sqlite3.SQLITE_READONLY: (
        Unavailable, "holds the half-done write of a fail2ban that was killed",
        "start fail2ban: it cleans up, and only it should",
    ),
    sqlite3.SQLITE_IOERR: (IoFailed, "cannot be read", "look for disk errors (dmesg)"),
    sqlite3.SQLITE_CORRUPT: (
        DatabaseCorrupt, "is damaged",
        "stop fail2ban, move the file aside and start fail2ban: it makes a new one",
    ),
    sqlite3.SQLITE_NOTADB: (NotADatabase, "is not an SQLite database", _HINT_PATH),
    sqlite3.SQLITE_TOOBIG: (NotADatabase, "holds a value that is longer than any address", _HINT_PATH),
}  # fmt: skip
