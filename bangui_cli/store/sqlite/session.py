"""Run statements on one open database: short transactions, and waits that end at a deadline."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.states.errors import DatabaseBusy
from bangui_cli.store.sqlite import faults, opening
from bangui_cli.store.sqlite import statements as sql

LOCK_WAIT_S = 30.0
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.02
# So often a statement looks at the deadline: every 200 rows or so, 1 % of its time.
_LOOK_EVERY_STEPS = 10_000


def lock_wait(path: str, wait_s: float) -> Deadline:
    """Bound one wait for the database; past it is DatabaseBusy."""
    error = DatabaseBusy(f"{path} stayed locked by another process for {wait_s:g} s", path=path)
    return Deadline(clocks.monotonic_s() + wait_s, error)


class Session:
    """One open database.

    Each wait for SQLite's lock is done here, in short sleeps, and not by SQLite's busy handler:
    nothing cuts that one short, neither a signal nor a deadline. Without a `deadline` each single
    wait is bounded by 30 s, and statements take what they need.
    """

    def __init__(
        self,
        path: str,
        deadline: Deadline | None = None,
        *,
        durable: bool = False,
        read_only: bool = False,
    ) -> None:
        """Open an existing database; `durable` makes a commit survive a power cut.

        Raise NoDatabase, NotADatabase or PermissionRefused.
        """
        self.path = path
        self.deadline = deadline
        self._connection = opening.open_file(path, read_only=read_only)
        try:
            self._execute(sql.CACHE_SPILL_OFF)
            if durable:
                self._patiently(sql.SYNCHRONOUS_EXTRA)
        except BaseException:
            self.close()
            raise
        if deadline:
            self._connection.set_progress_handler(self._is_overdue, _LOOK_EVERY_STEPS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hurry(self, within_s: float) -> None:
        """Bound all that is still to be done by a time from now, whatever the deadline was."""
        self.deadline = lock_wait(self.path, within_s)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the write lock; commit at the end, roll back on any error.

        Raise the overrun error of the deadline where the lock is not to be had in time.
        """
        self._roll_back()  # one that a signal left, and that the exception still holds
        try:
            self._patiently(sql.BEGIN_WRITE)
            yield
            # Busy while a reader is open: the transaction stays, and the same COMMIT succeeds later.
            self._patiently(sql.COMMIT)
        except BaseException:
            self._roll_back()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read one consistent state, writing nothing."""
        self._roll_back()
        try:
            self._execute(sql.BEGIN_READ)
            self._patiently(sql.TOUCH)
            yield
        finally:
            self._roll_back()

    def _is_overdue(self) -> bool:
        return self.deadline is not None and not self.deadline.remaining_s()

    def _patiently(self, statement: str) -> list[Any]:
        """Run a statement as soon as SQLite's lock allows it."""
        wait = self.deadline or lock_wait(self.path, LOCK_WAIT_S)
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return self._all(statement)
            except DatabaseBusy:
                wait = self.deadline or wait  # another thread may have set one meanwhile
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
        if faults.primary_code(error) == sqlite3.SQLITE_INTERRUPT and self.deadline:
            return self.deadline.overrun
        return faults.translate(error, self.path)
