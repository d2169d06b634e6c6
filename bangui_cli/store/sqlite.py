"""The store on SQLite: one file, short transactions, waits that end at a deadline."""

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from bangui_cli import clocks, deadline
from bangui_cli.deadline import Deadline
from bangui_cli.entry import Entry
from bangui_cli.errors import (
    BanguiError,
    DatabaseBusy,
    DatabaseCorrupt,
    DiskFull,
    IoFailed,
    NoDatabase,
    NoTables,
    NotADatabase,
    PermissionRefused,
    SchemaNewer,
)
from bangui_cli.lease import LockRow
from bangui_cli.store import schema
from bangui_cli.store import statements as sql

_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.02


class Batch(NamedTuple):
    """What one transaction of a sweep moved; `through` is None at the end of the sweep."""

    rows: int
    through: str | None


class Store:
    """One open database.

    Each wait for SQLite's lock is done here, in short sleeps, and not by SQLite's busy handler:
    nothing cuts that one short, neither a signal nor a deadline. Methods that write want to be
    called inside `transaction()`, those that read inside `transaction()` or `snapshot()`.
    """

    def __init__(
        self, path: str, run_deadline: Deadline | None = None, *, sync_all: bool = False
    ) -> None:
        """Open an existing database; `sync_all` makes a commit survive a power cut.

        Raise NoDatabase, NotADatabase or PermissionRefused. Without `run_deadline` each single wait
        is bounded by 30 s.
        """
        self.path = path
        self._run_deadline = run_deadline
        self._connection = _open(path)
        if sync_all:
            self._connection.execute(sql.SYNCHRONOUS_EXTRA)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def interrupt(self) -> None:
        """Stop the statement that runs in another thread; it raises there."""
        self._connection.interrupt()

    @contextmanager
    def transaction(self, wait: Deadline | None = None) -> Iterator[None]:
        """Hold the write lock; commit at the end, roll back on any error.

        Raise the overrun error of the deadline when the lock is not to be had in time.
        """
        wait = wait or self._wait_deadline()
        self._patiently(sql.BEGIN_WRITE, wait)
        try:
            yield
            # Busy while a reader is open: the transaction stays, and the same COMMIT succeeds later.
            self._patiently(sql.COMMIT, wait)
        except BaseException:
            self._roll_back()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read one consistent state, writing nothing."""
        self._execute(sql.BEGIN_READ)
        try:
            self._patiently(sql.TOUCH, self._wait_deadline())
            yield
        finally:
            self._roll_back()

    def require_schema(self) -> None:
        """Raise NoTables or SchemaNewer unless this tool's migrations are applied, no more, no less."""
        applied = {name for (name,) in self._all(sql.APPLIED_MIGRATIONS)}
        if applied - set(schema.MIGRATIONS):
            raise SchemaNewer("the database was upgraded by a newer bangui", path=self.path)
        if set(schema.MIGRATIONS) - applied:
            raise NoTables("the database has not been upgraded to this bangui", path=self.path)

    # The lock.

    def read_lock(self) -> LockRow | None:
        """Return the lock row as it stands."""
        row = self._one(sql.READ_LOCK)
        return row and LockRow(*row)

    def write_lock(self, row: LockRow) -> None:
        """Write the lock row, whatever stood there."""
        self._execute(sql.WRITE_LOCK, row)

    def renew_lease(self, lease_id: str, now: clocks.Instant) -> bool:
        """Refresh the heartbeat of a lease; return False, changing nothing, where it is lost."""
        parameters = {**now._asdict(), "lease_id": lease_id}
        return self._execute(sql.RENEW_LEASE, parameters).rowcount == 1

    def free_lock(self, token: int) -> None:
        """Mark the lock free; its token stays."""
        self._execute(sql.FREE_LOCK, (token,))

    def highest_token(self) -> int:
        """Return the highest fencing token that a pass of this tool ever held, 0 for none."""
        (token,) = self._one(sql.HIGHEST_TOKEN) or (None,)
        return token if isinstance(token, int) else 0

    # The dirty set and the cache.

    def stage(self, entries: Iterable[Entry]) -> None:
        """Upsert entries into the dirty set by the rule of `entry.beats`; sorted ones are faster."""
        self._execute_many(sql.STAGE, entries)

    def find(self, ip: str) -> tuple[Entry | None, Entry | None]:
        """Return what the cache and what the dirty set know of an address in normal form."""
        cached = self._one(sql.FIND_CACHED, (ip,))
        dirty = self._one(sql.FIND_DIRTY, (ip,))
        return cached and Entry(*cached), dirty and Entry(*dirty)

    def has_dirty_rows(self) -> bool:
        """Tell whether there is anything to flush."""
        return self._one(sql.ANY_DIRTY) is not None

    def count_dirty_rows(self, within: Deadline | None = None) -> int | None:
        """Count the dirty set, a full scan; None where the deadline comes first."""
        if within is None:
            return int(self._scalar(sql.COUNT_DIRTY))
        self._connection.set_progress_handler(lambda: not within.remaining_s(), 10_000)
        try:
            return int(self._connection.execute(sql.COUNT_DIRTY).fetchone()[0])
        except sqlite3.Error:
            return None
        finally:
            self._connection.set_progress_handler(None, 0)

    def oldest_dirty(self) -> str | None:
        """Return the oldest `resolved_at` in the dirty set."""
        value = self._scalar(sql.OLDEST_DIRTY)
        return None if value is None else str(value)

    def count_cache_rows(self) -> tuple[int, int]:
        """Count the cache, and those of its rows that have no country."""
        rows, unresolved = self._one(sql.COUNT_CACHE) or (0, 0)
        return rows, unresolved

    def move_batch(self, after: str, limit_rows: int, seen_at: str) -> Batch:
        """Move the next `limit_rows` dirty rows behind address `after` into the cache."""
        last = self._one(sql.BATCH_END, (after, limit_rows - 1))
        (through,) = last or self._one(sql.SWEEP_END, (after,)) or (None,)
        if through is None:
            return Batch(0, None)
        bounds = {"after": after, "through": through, "seen_at": seen_at}
        won = self._execute(sql.UPSERT_BATCH, bounds).rowcount
        if last is None or won < limit_rows:
            # Where the cached row wins, it has been seen all the same.
            self._execute(sql.TOUCH_BATCH, bounds)
        rows = self._execute(sql.DELETE_BATCH, bounds).rowcount
        return Batch(rows, through if last else None)

    # The state of the jobs.

    def job_started(self, job_id: str, started_at: str, correlation_id: str, token: int) -> None:
        """Count a run that holds the lock."""
        self._execute(sql.JOB_STARTED, (job_id, started_at, correlation_id, token))

    def job_finished(self, job_id: str, outcome: str, **values: object) -> None:
        """Record the end of a run: finished_at, duration_s, count, correlation_id."""
        self._execute(sql.JOB_FINISHED, {"job_id": job_id, "outcome": outcome, **values})

    def add_flushed(self, job_id: str, rows: int) -> None:
        """Add to the total of a job, in the transaction that moved the rows."""
        self._execute(sql.ADD_FLUSHED, (rows, job_id))

    def job_states(self) -> dict[str, dict[str, Any]]:
        """Return every job's state by job ID."""
        rows = self._all(sql.READ_JOB_STATE)
        return {row[0]: dict(zip(sql.JOB_STATE_COLUMNS, row[1:], strict=True)) for row in rows}

    # The file.

    def journal_mode(self) -> str:
        """Return SQLite's journal mode of the file."""
        return str(self._scalar(sql.JOURNAL_MODE))

    def size_bytes(self) -> int:
        """Return the size of the database file."""
        return os.stat(self.path).st_size

    def last_migration(self) -> str | None:
        """Return the name of the schema's newest migration."""
        row = self._one(sql.LAST_MIGRATION)
        return None if row is None else str(row[0])

    def initialised_at(self) -> str | None:
        """Return when `init` first made or adopted the database."""
        value = self._scalar(sql.INITIALISED_AT)
        return None if value is None else str(value)

    # What `init` needs besides.

    @property
    def connection(self) -> sqlite3.Connection:
        """Return the connection, for the migrations alone."""
        return self._connection

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Turn the errors of statements that are run on `connection` into states."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def table_names(self) -> set[str]:
        """Return the names of all tables and views."""
        return {name for (name,) in self._all(sql.TABLE_NAMES)}

    def table_columns(self, table: str) -> list[str]:
        """Return the columns of a table."""
        return [name for name, _ in self._all(sql.TABLE_COLUMNS, (table,))]

    def primary_key(self, table: str) -> list[str]:
        """Return the columns of a table's primary key."""
        return [name for name, position in self._all(sql.TABLE_COLUMNS, (table,)) if position]

    def set_journal_mode(self, mode: str, wait: Deadline) -> None:
        """Convert the file; others must let go of it for a moment."""
        self._patiently(sql.SET_JOURNAL_MODE.format(mode=mode), wait)

    @contextmanager
    def many_commits(self) -> Iterator[None]:
        """Keep the rollback journal between the commits of a sweep: it saves an unlink for each."""
        if self.journal_mode() != "delete":
            yield
            return
        self._execute(sql.JOURNAL_PERSIST)
        try:
            yield
        finally:
            # Another process may be in the middle of a commit; the next one removes the file then.
            try:
                self._connection.execute(sql.JOURNAL_DELETE)
            except sqlite3.Error:
                pass

    # Below: how statements are run.

    def _wait_deadline(self) -> Deadline:
        return self._run_deadline or deadline.for_lock_wait()

    def _patiently(self, statement: str, wait: Deadline) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                self._execute(statement)
                return
            except DatabaseBusy:
                wait.check()
            clocks.sleep_s(min(pause_s, wait.remaining_s()))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _roll_back(self) -> None:
        # After SQLITE_FULL and its like the transaction is gone already.
        if self._connection.in_transaction:
            try:
                self._connection.execute(sql.ROLLBACK)
            except sqlite3.Error:
                pass

    def _execute(self, statement: str, parameters: Any = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, parameters)
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _execute_many(self, statement: str, rows: Iterable[Any]) -> None:
        try:
            self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _all(self, statement: str, parameters: Any = ()) -> list[Any]:
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _one(self, statement: str, parameters: Any = ()) -> Any:
        rows = self._all(statement, parameters)
        return rows[0] if rows else None

    def _scalar(self, statement: str) -> Any:
        return self._one(statement)[0]

    def _translate(self, error: sqlite3.Error) -> BaseException:
        if _primary_code(error) == sqlite3.SQLITE_INTERRUPT and self._run_deadline:
            self._run_deadline.check()
        return translate(error, self.path)


def _open(path: str) -> sqlite3.Connection:
    require_plain_path(path)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        raise NoDatabase(f"no database at {path}", path=path) from None
    except NotADirectoryError:
        raise NoDatabase(f"no database at {path}: a part of the path is no directory") from None
    except PermissionError:
        raise PermissionRefused(f"no permission to reach {path}", path=path) from None
    except (OSError, ValueError) as error:
        raise NoDatabase(f"no database at {path!r}: {error}") from None
    _require_regular_file(path, mode)
    try:
        # mode=rw: a file that is deleted in this very moment must not come back empty.
        connection = sqlite3.connect(
            f"file:{_quote(path)}?mode=rw", uri=True, timeout=0, isolation_level=None
        )
    except sqlite3.Error as error:
        raise translate(error, path) from error
    # Bytes that are no UTF-8, written by another program, must not end a pass.
    connection.text_factory = _decode
    connection.execute(sql.CACHE_SPILL_OFF)
    return connection


def require_plain_path(path: str) -> None:
    """Raise NoDatabase for what SQLite would not take as the name of a file."""
    if path.startswith("file:") or path == ":memory:" or not path or "\0" in path:
        raise NoDatabase(
            f"{path!r} is not the path of a file", hint="give a plain path, no URI and no :memory:"
        )


def _require_regular_file(path: str, mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise NotADatabase(
            f"{path} is a symbolic link",
            hint="give the path it points to; SQLite would follow it in silence",
        )
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise NotADatabase(f"{path} is {kind}", path=path)


def _quote(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


_STATES: dict[int, type[BanguiError]] = {
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_LOCKED: DatabaseBusy,
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
    PermissionRefused: "may not be written by this user",
    DatabaseCorrupt: "is damaged",
    NotADatabase: "is not an SQLite database",
    NoDatabase: "cannot be opened",
}


def translate(error: sqlite3.Error, path: str) -> BaseException:
    """Name the state behind an error of SQLite; an unknown one is returned as it is (a bug)."""
    code = _primary_code(error)
    state = _STATES.get(code)
    if code == sqlite3.SQLITE_CANTOPEN:
        state = _why_it_cannot_be_opened(path)
    if code == sqlite3.SQLITE_ERROR and "no such" in str(error):
        return NoTables(f"{path} lacks bangui's tables ({error})", path=path)
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
