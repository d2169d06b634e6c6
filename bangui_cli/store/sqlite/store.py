"""The store on SQLite: what bangui asks and tells its database."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bangui_cli.host import clocks
from bangui_cli.rules.lease import Instant, LockRow
from bangui_cli.rules.timestamp_text import to_text
from bangui_cli.states.errors import Interrupted
from bangui_cli.store.interface import Answer, Batch, Decision, JobFinish, JobStart, Situation
from bangui_cli.store.sqlite import custody, faults
from bangui_cli.store.sqlite import statements as sql
from bangui_cli.store.sqlite.soundness import CheckedSession

if TYPE_CHECKING:
    from bangui_cli.rules.entry import Entry
    from bangui_cli.store.bans import Bans
    from bangui_cli.store.sqlite.entries import Entries


class SqliteStore(CheckedSession):
    """bangui's tables in one open database file; `interface.Store` says what each verb promises."""

    # SQLite answers before anything can come between.
    is_in_doubt = False
    # Some 25,000 rows: the more, the fewer pages are written twice. While as much is written, as much is
    # read.
    most_pending_bytes = 4_000_000
    most_staged_rows = 40_000
    # The write lock is never held over 50 ms.
    target_hold_s = 0.02
    # SQLite's busy handler sleeps up to 0.1 s between tries: only a longer rest is sure to let it in.
    rest_s = 0.11

    def now(self) -> Instant:
        """Read the clocks of this kernel, which all instances share."""
        return clocks.now()

    # The lock.

    def situation(self) -> Situation:
        """Return what a pass right now would be decided by."""
        now, row = self.now(), self._one(sql.READ_LOCK)
        has_dirty_rows = self._one(sql.ANY_DIRTY) is not None
        return Situation(
            row and LockRow(*row), now, int(self._scalar(sql.HIGHEST_TOKEN)), has_dirty_rows
        )

    def decide(self, judge: Callable[[Situation], tuple[Decision | None, Answer]]) -> Answer:
        """Write what a function makes of the situation, under the write lock."""
        with self.transaction():
            self.require_schema()
            situation = self.situation()
            decision, answer = judge(situation)
            if decision is not None:
                self._write(decision, situation.now)
        return answer

    def record_finish(self, lease_id: str, finish: JobFinish) -> bool:
        """Record the end of a run under the fence."""
        with self.transaction():
            now = self.now()
            if not self._renew_lease(lease_id, now):
                return False
            self._finish(finish, now)
        return True

    def record_run(self, start: JobStart, finish: JobFinish) -> None:
        """Record a whole run of a job that takes no lock."""
        with self.transaction():
            now = self.now()
            self._start(start, now)
            self._finish(finish, now)

    def _write(self, decision: Decision, now: Instant) -> None:
        self._execute(sql.WRITE_LOCK, decision.lock)
        if decision.start:
            self._start(decision.start, now)
        if decision.finish:
            self._finish(decision.finish, now)

    def _start(self, start: JobStart, now: Instant) -> None:
        started_at = to_text(now.wall_s - start.elapsed_s)
        self._execute(sql.JOB_STARTED, {**start._asdict(), "started_at": started_at})

    def _finish(self, finish: JobFinish, now: Instant) -> None:
        finished_at = to_text(now.wall_s)
        self._execute(sql.JOB_FINISHED, {**finish._asdict(), "finished_at": finished_at})

    def _renew_lease(self, lease_id: str, now: Instant) -> bool:
        """Check the fence and refresh the heartbeat in one."""
        parameters = {**now._asdict(), "lease_id": lease_id}
        return self._execute(sql.RENEW_LEASE, parameters).rowcount == 1

    # The dirty set and the cache.

    @cached_property
    def _entries(self) -> "Entries":
        """Return what speaks of them; an empty pass does without."""
        from bangui_cli.store.sqlite.entries import Entries

        return Entries(self._connection, self._execute, self._execute_many, self._all)

    def stage(self, packed: Sequence[str]) -> float:
        """Merge packed entries into the dirty set, many rows in one statement."""
        entries = self._entries  # what it imports is not to hold others up
        with self.transaction():
            began_s = clocks.monotonic_s()
            entries.stage(packed, self.now().wall_s)
        return clocks.monotonic_s() - began_s

    def find_many(self, ips: Sequence[str]) -> "tuple[list[Entry], list[Entry]]":
        """Return what the cache and what the dirty set know of addresses in normal form."""
        return self._entries.find_many(ips)

    def find_spelt_otherwise(self) -> "list[Entry]":
        """Return what the cache knows of addresses that are not in normal form, in normal form."""
        return self._entries.find_spelt_otherwise()

    def count_by(self, key: str) -> list[tuple[str | None, str | None, int]]:
        """Count what is known by "country", "asn" or "org"."""
        return self._entries.count_by(key)

    def count_dirty_rows(self) -> int:
        """Count the dirty set, a full scan."""
        return int(self._scalar(sql.COUNT_DIRTY))

    def oldest_dirty(self) -> str | None:
        """Return the oldest `resolved_at` in the dirty set."""
        value = self._scalar(sql.OLDEST_DIRTY)
        return None if value is None else str(value)

    def count_cache_rows(self) -> tuple[int, int]:
        """Count the cache, and those of its rows that have no country."""
        return self._entries.count_cache()

    def move_batch(self, lease_id: str, after: str, limit_rows: int, finish: JobFinish) -> Batch | None:
        """Move one batch in one transaction: fence and heartbeat, upsert, delete, count."""
        entries = self._entries
        with self.transaction():
            began_s, now = clocks.monotonic_s(), self.now()
            if not self._renew_lease(lease_id, now):
                return None
            rows, through = entries.move(after, limit_rows, now.wall_s)
            self._execute(sql.ADD_FLUSHED, (rows, finish.job_id))
            if through is None:
                self._finish(finish._replace(rows=(finish.rows or 0) + rows), now)
            worked_s = clocks.monotonic_s()
        return Batch(rows, through, worked_s - began_s, clocks.monotonic_s() - worked_s)

    # The memory of bans.

    @property
    def bans(self) -> "Bans":
        """Return what the memory of bans can be asked."""
        # No job asks.
        from bangui_cli.rules.entry import latest_believable
        from bangui_cli.store.sqlite.bans import questions

        latest = latest_believable(self.now().wall_s)
        return questions(self._all, self._entries.known_spelt_otherwise(latest), latest)

    # The state of the jobs.

    def job_state(self, job_id: str, instance: str = "") -> dict[str, Any]:
        """Return the state of a job; one that never ran has zeros and no times."""
        row = self._one(sql.READ_JOB_STATE, (job_id, instance)) or sql.NEVER_RAN
        return dict(zip(sql.JOB_STATE_COLUMNS, row, strict=True))

    def last_successes(self, job_id: str) -> dict[str, str | None]:
        """Return when a job outside the lock last succeeded, by instance."""
        return dict(self._all(sql.LAST_SUCCESSES, (job_id,)))

    # The file.

    def journal_mode(self) -> str:
        """Return SQLite's journal mode of the file."""
        return str(self._patiently(sql.JOURNAL_MODE)[0][0])

    def describe(self) -> dict[str, Any]:
        """Return what `status` tells of the file."""
        migration = self._one(sql.LAST_MIGRATION)
        return {
            "path": self.path,
            "journal_mode": self.journal_mode(),
            "schema": None if migration is None else str(migration[0]),
            "size_bytes": os.stat(self.path).st_size,
        }

    def count_names(self) -> int:
        """Count the file's hard links: a journal stands beside one of them only."""
        return custody.count_names(self.path)

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
        except faults.RAISED as error:
            raise self._translate(error) from error

    def table_names(self) -> set[str]:
        """Return the names of all tables and views."""
        return {name for (name,) in self._all(sql.TABLE_NAMES)}

    def set_journal_mode(self, mode: str) -> None:
        """Convert the file; others must let go of it for a moment."""
        self._patiently(sql.SET_JOURNAL_MODE.format(mode=mode))

    @contextmanager
    def bulk_staging(self) -> Iterator[None]:
        """Keep the journal between commits, and let a big transaction write pages early.

        Else all that it touches would stay in memory. While a reader is in the way, SQLite keeps them
        all the same and goes on. The CHECKs are left to those who stage one by one.
        """
        self._execute(sql.CACHE_SPILL_ON)
        self._execute(sql.CHECKS_OFF)
        with self.sweeping():
            yield

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Make many short transactions in a row cheaper."""
        self._execute(sql.SECURE_DELETE_OFF)
        with self.keeping_journal():
            yield

    @contextmanager
    def keeping_journal(self) -> Iterator[None]:
        """Keep the rollback journal between commits, which saves an unlink for each.

        That is said in a snapshot, in which nobody can convert the file to WAL: there it concerns this
        connection alone, while elsewhere it would undo a conversion that came between a look and the
        deed.
        """
        with self.snapshot():
            if self.journal_mode() == "delete":
                self._execute(sql.JOURNAL_PERSIST)
        try:
            yield
        finally:
            self._let_go_of_journal()

    def _let_go_of_journal(self) -> None:
        try:
            with self.snapshot():
                self._require_in_place()  # the journal of another file has the same name
                self._execute(sql.JOURNAL_DELETE)
        except (Exception, Interrupted):
            # SQLite refuses for what is WAL by now. Another process may be in the middle of a commit:
            # its end removes the file then.
            pass
