"""The store on SQLite: what bangui asks and tells its database."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from bangui_cli.host import clocks
from bangui_cli.rules.entry import Entry, flatten, known_country, latest_believable
from bangui_cli.rules.lease import Instant, LockRow
from bangui_cli.states.errors import NoTables, SchemaNewer
from bangui_cli.store.sqlite import schema
from bangui_cli.store.sqlite import statements as sql
from bangui_cli.store.sqlite.session import Session


class Batch(NamedTuple):
    """What one transaction of a sweep moved; `through` is None at the end of the sweep."""

    rows: int
    through: str | None


class Store(Session):
    """bangui's tables in one open database.

    Methods that write want to be called inside `transaction()`, those that read inside
    `transaction()` or `snapshot()`.
    """

    # Cached addresses that are not in normal form, and that form, as of the begin of a sweep.
    _spellings: Sequence[tuple[str, str]] = ()

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

    def renew_lease(self, lease_id: str, now: Instant) -> bool:
        """Refresh the heartbeat of a lease; return False, changing nothing, where it is lost."""
        parameters = {**now._asdict(), "lease_id": lease_id}
        return self._execute(sql.RENEW_LEASE, parameters).rowcount == 1

    def free_lock(self) -> None:
        """Mark the lock free; its token stays."""
        self._execute(sql.FREE_LOCK)

    def highest_token(self) -> int:
        """Return the highest fencing token that a pass of this tool ever held, 0 for none."""
        return int(self._scalar(sql.HIGHEST_TOKEN))

    # The dirty set and the cache.

    def stage(self, packed: Sequence[str]) -> None:
        """Merge packed entries into the dirty set by the rule of `entry.merge`; sorted is faster."""
        together, latest = sql.STAGED_TOGETHER_ROWS, latest_believable(clocks.wall_s())
        single = len(packed) - len(packed) % together
        groups = ([*flatten(packed[at : at + together]), latest] for at in range(0, single, together))
        self._execute_many(sql.STAGE_TOGETHER, groups)
        self._execute_many(sql.STAGE, ([*flatten([row]), latest] for row in packed[single:]))

    def find_many(self, ips: Sequence[str]) -> tuple[list[Entry], list[Entry]]:
        """Return what the cache and what the dirty set know of addresses in normal form.

        The cache may know one more than once, where another program has spelt it otherwise.
        """
        import json  # 2 ms that no job pays

        wanted = (json.dumps(ips),)
        cached = [_cached_entry(row) for row in self._all(sql.FIND_CACHED, wanted)]
        dirty = [Entry(*row) for row in self._all(sql.FIND_DIRTY, wanted)]
        others = self.find_spelt_otherwise()
        asked = set(ips) if others else ()
        return cached + [entry for entry in others if entry.ip in asked], dirty

    def find_spelt_otherwise(self) -> list[Entry]:
        """Return what the cache knows of addresses that are not in normal form, in normal form."""
        rows = [_cached_entry(row) for row in self._all(sql.FIND_OTHER_SPELLINGS)]
        ip_of = dict(_normal_forms([entry.ip for entry in rows]))
        return [entry._replace(ip=ip_of[entry.ip]) for entry in rows if entry.ip in ip_of]

    def count_by(self, key: str) -> list[tuple[str | None, str | None, int]]:
        """Count what is known by "country", "asn" or "org": key, name, rows; None is unknown.

        A country may come more than once, where another program has spelt it otherwise.
        """
        counted = self._all(sql.COUNT_BY[key])
        if key != "country":
            return counted
        return [(known_country(code), name, rows) for code, name, rows in counted]

    def has_dirty_rows(self) -> bool:
        """Tell whether there is anything to flush."""
        return self._one(sql.ANY_DIRTY) is not None

    def count_dirty_rows(self) -> int:
        """Count the dirty set, a full scan."""
        return int(self._scalar(sql.COUNT_DIRTY))

    def oldest_dirty(self) -> str | None:
        """Return the oldest `resolved_at` in the dirty set."""
        value = self._scalar(sql.OLDEST_DIRTY)
        return None if value is None else str(value)

    def count_cache_rows(self) -> tuple[int, int]:
        """Count the cache, and those of its rows that have no country."""
        rows, unresolved = self._one(sql.COUNT_CACHE)
        return rows, unresolved

    def move_batch(self, after: str, limit_rows: int, seen_at: str) -> Batch:
        """Move the next `limit_rows` dirty rows behind address `after` into the cache."""
        end = self._one(sql.BATCH_END, (after, limit_rows - 1))
        through, rows = (end[0], limit_rows) if end else self._one(sql.LAST_BATCH, (after,))
        if not rows:
            return Batch(0, None)
        latest = latest_believable(clocks.wall_s())
        bounds = {"after": after, "through": through, "seen_at": seen_at, "latest": latest}
        self._respell(after, through, latest)
        if self._execute(sql.UPSERT_BATCH, bounds).rowcount < rows:
            self._execute(sql.MERGE_BATCH, bounds)
        self._execute(sql.DELETE_BATCH, bounds)
        return Batch(rows, through if end else None)

    def _respell(self, after: str, through: str, latest: str) -> None:
        """Give cached rows of the batch's addresses the spelling that the batch will find."""
        if after == "":
            self._spellings = _normal_forms([ip for (ip,) in self._all(sql.OTHER_SPELLINGS)])
        for spelling, ip in self._spellings:
            if after < ip <= through:
                parameters = {"spelling": spelling, "ip": ip, "latest": latest}
                if self._execute(sql.RESPELL, parameters).rowcount:
                    self._execute(sql.DELETE_SPELLING, parameters)

    def allow_spill(self) -> None:
        """Let a big transaction write pages early: else all that it touches stay in memory.

        While a reader is in the way, SQLite keeps them all the same and goes on.
        """
        self._execute(sql.CACHE_SPILL_ON)

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

    def job_state(self, job_id: str) -> dict[str, Any]:
        """Return the state of a job; one that never ran has zeros and no times."""
        row = self._one(sql.READ_JOB_STATE, (job_id,)) or sql.NEVER_RAN
        return dict(zip(sql.JOB_STATE_COLUMNS, row, strict=True))

    # The file.

    def journal_mode(self) -> str:
        """Return SQLite's journal mode of the file."""
        return str(self._patiently(sql.JOURNAL_MODE)[0][0])

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

    def quick_check(self) -> str | None:
        """Return the first fault that SQLite finds in its pages. Raise the deadline's overrun."""
        fault = str(self._scalar(sql.QUICK_CHECK))
        return None if fault == "ok" else fault

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

    def set_journal_mode(self, mode: str) -> None:
        """Convert the file; others must let go of it for a moment."""
        self._patiently(sql.SET_JOURNAL_MODE.format(mode=mode))

    @contextmanager
    def many_commits(self) -> Iterator[None]:
        """Make many short transactions in a row cheaper."""
        self._execute(sql.SECURE_DELETE_OFF)
        if self.journal_mode() != "delete":
            yield
            return
        # To keep the rollback journal between commits saves an unlink for each.
        self._patiently(sql.JOURNAL_PERSIST)
        try:
            yield
        finally:
            # Another process may be in the middle of a commit; its end removes the file then.
            try:
                self._connection.execute(sql.JOURNAL_DELETE)
            except sqlite3.Error:
                pass


def _cached_entry(row: Any) -> Entry:
    entry = Entry(*row)
    return entry._replace(country_code=known_country(entry.country_code))


def _normal_forms(spellings: Sequence[str]) -> list[tuple[str, str]]:
    """Return each address that is not in normal form, with that form; nonsense is passed over."""
    if not spellings:
        return []
    from bangui_cli.rules.validation import Rejected, normalise_ip  # 5 ms that no job pays otherwise

    pairs = []
    for spelling in spellings:
        try:
            pairs.append((spelling, normalise_ip(spelling)))
        except Rejected:
            pass
    return [(spelling, ip) for spelling, ip in pairs if spelling != ip]
