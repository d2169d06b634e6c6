"""Run statements on one open database: short transactions, and waits that end at a deadline."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from bangui_cli.host import clocks, signals, vitals
from bangui_cli.host.deadline import Deadline
from bangui_cli.states.errors import DatabaseBusy, DatabaseReplaced, ForeignSchema, NoDatabase
from bangui_cli.store.sqlite import faults, opening
from bangui_cli.store.sqlite import statements as sql

LOCK_WAIT_S = 30.0
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.02
# So often a statement looks at the deadline: every 200 rows or so, 1 % of its time.
_LOOK_EVERY_STEPS = 10_000
# The longest honest statement, a report of 10,000,000 rows, took 6 to 14 s.
ENDLESS_CPU_S = 300.0
# No honest value is larger; the largest is a list of a million addresses.
_LARGEST_VALUE_BYTES = 64 * 2**20
# Where SQLite looks for room for a large sort, but for what the environment names.
_TEMPORARY_DIRECTORIES = ("/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108


def lock_wait(path: str, wait_s: float) -> Deadline:
    """Bound one wait for the database; past it is DatabaseBusy."""
    error = DatabaseBusy(f"{path} stayed locked by another process for {wait_s:g} s", path=path)
    return Deadline(clocks.monotonic_s() + wait_s, error)


class Session:
    """One open database.

    Each wait for SQLite's lock is done here, in short sleeps, and not by SQLite's busy handler:
    nothing cuts that one short, neither a signal nor a deadline. Without a `deadline` each single
    wait is bounded by 30 s, and a statement by the CPU time that no honest one takes.
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
        self._bound: Deadline | None = None
        self._statement_cpu_s: float | None = None
        self._connection = opening.open_file(path, read_only=read_only)
        try:
            self._identity = _identity(path)
            self._prepare()
            if durable:
                self._patiently(sql.SYNCHRONOUS_EXTRA)
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        """Expect anything of the file: what another hand wrote there is not run, and ends."""
        self._connection.set_progress_handler(self._is_overdue, _LOOK_EVERY_STEPS)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE_BYTES)
        try:
            self._connection.executescript(sql.BEGIN_CONNECTION)
        except faults.RAISED as error:
            raise self._translate(error) from error
        if not any(os.access(place, os.W_OK | os.X_OK) for place in _TEMPORARY_DIRECTORIES):
            self._execute(sql.TEMP_STORE_MEMORY)

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
            self._require_in_place()
            yield
            # Busy while a reader is open: the transaction stays, and the same COMMIT succeeds later.
            self._patiently(sql.COMMIT)
        except BaseException:
            self._roll_back()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read one consistent state, writing nothing but temporary tables, which outlast it."""
        self._roll_back()
        try:
            self._execute(sql.BEGIN_READ)
            self._patiently(sql.TOUCH)
            yield
            self._execute(sql.COMMIT)
        finally:
            self._roll_back()

    @contextmanager
    def bounded(self, within_s: float, overrun: BaseException) -> Iterator[None]:
        """Bound some statements by a time of their own, within the deadline."""
        self._bound = Deadline(clocks.monotonic_s() + within_s, overrun)
        try:
            yield
        finally:
            self._bound = None

    def _require_in_place(self) -> None:
        """Raise where the path leads to another file by now: with a WAL, SQLite does not see that."""
        found = _identity(self.path)
        if found is None:
            raise NoDatabase(f"{self.path} was moved or deleted while it was open", path=self.path)
        if found != self._identity:
            raise DatabaseReplaced(
                f"{self.path} was replaced by another file while it was open", path=self.path
            )

    def _is_overdue(self) -> bool:
        return self._overrun() is not None

    def _overrun(self) -> BaseException | None:
        """Return what to raise if a statement has to end now."""
        for limit in (self.deadline, self._bound):
            if limit and not limit.remaining_s():
                return limit.overrun
        return None if self.deadline else self._overrun_of_statement()

    def _overrun_of_statement(self) -> BaseException | None:
        now_s = clocks.cpu_s()
        if self._statement_cpu_s is None:
            self._statement_cpu_s = now_s
        return None if now_s - self._statement_cpu_s < ENDLESS_CPU_S else self._endless()

    def _endless(self) -> BaseException:
        return ForeignSchema(
            f"{self.path} has kept one statement busy for {ENDLESS_CPU_S:g} s", path=self.path
        )

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
                if self._bound:
                    self._bound.check()
            clocks.sleep_s(min(pause_s, wait.remaining_s()))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _roll_back(self) -> None:
        # After SQLITE_FULL and its like the transaction is gone already.
        if self._connection.in_transaction:
            try:
                self._connection.execute(sql.ROLLBACK)
            except faults.RAISED:
                pass

    def _execute(self, statement: str, parameters: Any = ()) -> sqlite3.Cursor:
        with self._bounded_statement():
            return self._connection.execute(statement, parameters)

    def _execute_many(self, statement: str, rows: Iterable[Any]) -> int:
        with self._bounded_statement():
            return self._connection.executemany(statement, rows).rowcount

    def _all(self, statement: str, parameters: Any = ()) -> list[Any]:
        with self._bounded_statement():
            return self._connection.execute(statement, parameters).fetchall()

    @contextmanager
    def _bounded_statement(self) -> Iterator[None]:
        """Bound a statement, also in one step of it in which SQLite never calls back."""
        self._statement_cpu_s = None
        try:
            with vitals.Task(ENDLESS_CPU_S, self._endless):
                yield
        except faults.RAISED as error:
            raise self._translate(error) from error

    def _one(self, statement: str, parameters: Any = ()) -> Any:
        rows = self._all(statement, parameters)
        return rows[0] if rows else None

    def _scalar(self, statement: str) -> Any:
        return self._one(statement)[0]

    def _translate(self, error: faults.Raised) -> BaseException:
        reason = None
        if faults.is_from_callback(error):
            reason = self._overrun() or signals.come()
        return reason or faults.translate(error, self.path)


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a file from any other; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
