"""The store on a PostgreSQL server: what bangui asks and tells its database."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bangui_cli.host import clocks, machine
from bangui_cli.rules import lease
from bangui_cli.rules.entry import Entry, latest_believable, packed_ip
from bangui_cli.rules.lease import Instant, LockRow
from bangui_cli.states.errors import NoTables, SchemaNewer
from bangui_cli.store.interface import Answer, Batch, Decision, JobFinish, JobStart, Situation
from bangui_cli.store.postgresql import schema
from bangui_cli.store.postgresql import statements as sql
from bangui_cli.store.postgresql.session import Session

if TYPE_CHECKING:
    from bangui_cli.rules.rereading import Copied
    from bangui_cli.store.bans import Bans
    from bangui_cli.store.postgresql.copying import Copies

# An address that comes more often than this in one batch is staged in several transactions.
_MOST_ROUNDS = 20
# So long a judgement is good for a row that is as it was.
_JUDGED_S = 5.0
_NO_FINISH = JobFinish("", "", "", None, 0.0)


class PostgresqlStore(Session):
    """bangui's tables in a schema of their own; `interface.Store` says what each verb promises."""

    # The driver copies each message more than once, and takes more memory than SQLite to begin with.
    most_pending_bytes = 1_000_000
    most_staged_rows = 5_000
    # Nobody waits for more than single rows; one batch in a hundred takes twice as long as it should.
    target_hold_s = 0.04
    rest_s = 0.0
    # What was copied, if anything was.
    _copies: "Copies | None" = None

    def now(self) -> Instant:
        """Tell the server's clock: read once, it is counted on here."""
        if self._clock is None:
            self.situation()
        assert self._clock, "a situation has the server's clock"
        read, at_s = self._clock
        wall_s = read.wall_s + clocks.monotonic_s() - at_s
        return Instant(wall_s, wall_s, read.boot_id)

    def require_schema(self) -> None:
        """Raise NoTables or SchemaNewer unless the schema is that of this bangui."""
        self.situation()

    def _require_applied(self, applied: Sequence[str]) -> None:
        if set(applied) - set(schema.MIGRATIONS):
            raise SchemaNewer(f"{self.path} was upgraded by a newer bangui", database=self.path)
        if set(schema.MIGRATIONS) - set(applied):
            raise NoTables(
                f"{self.path} has not been upgraded to this bangui",
                hint=f"upgrade its tables: bangui init --database '{self.path}'",
                database=self.path,
            )

    # The lock.

    def situation(self) -> Situation:
        """Return what a pass right now would be decided by."""
        server_s, system, applied, token, has_dirty_rows, is_there, *lock = self._look(sql.SITUATION)[0]
        self._require_applied(applied)
        # Of a server there is one clock, and a dump that was restored elsewhere has another system.
        now = Instant(server_s, server_s, system)
        self._clock = now, clocks.monotonic_s()
        return Situation(LockRow(*lock) if is_there else None, now, token, has_dirty_rows)

    def decide(self, judge: Callable[[Situation], tuple[Decision | None, Answer]]) -> Answer:
        """Write what a function makes of the situation, if that is still the same by then."""
        while True:
            situation = self.situation()
            decision, answer = judge(situation)
            if decision is None or self._swap(situation, decision):
                return answer
            self._limit().check()

    def _swap(self, situation: Situation, decision: Decision) -> bool:
        found = situation.lock or LockRow(*[None] * len(LockRow._fields))
        parameters = {
            **{f"found_{name}": value for name, value in found._asdict().items()},
            **decision.lock._asdict(),
            "beats": decision.lock.lease_id is not None,
            "good_until_s": situation.now.wall_s + _good_for_s(situation),
            "machine_id": machine.short_id(),
        }
        statement = sql.SWAP_LOCK
        if decision.start:
            statement = sql.SWAP_LOCK_AND_RUN
            parameters |= _run(decision.start, decision.finish)
        if situation.lock is None:
            statement = sql.SEED_LOCK + statement
        return bool(self._write(statement, parameters)[0][0])

    def record_finish(self, lease_id: str, finish: JobFinish) -> bool:
        """Record the end of a run under the fence."""
        parameters = {**finish._asdict(), "lease_id": lease_id, "boot_id": self.now().boot_id}
        return bool(self._write(sql.RECORD_FINISH, parameters)[0][0])

    def record_run(self, start: JobStart, finish: JobFinish) -> None:
        """Record a whole run of a job that takes no lock."""
        self._write(sql.RECORD_RUN, _run(start, finish))

    # The dirty set and the cache.

    def bulk_staging(self) -> AbstractContextManager[None]:
        """Do nothing: there is nothing to prepare."""
        return nullcontext()

    def sweeping(self) -> AbstractContextManager[None]:
        """Do nothing: there is nothing to prepare."""
        return nullcontext()

    def stage(self, packed: Sequence[str]) -> float:
        """Merge packed entries into the dirty set, in one statement if each address comes once."""
        rounds, held_s = _rounds(packed), 0.0
        for start in range(0, len(rounds), _MOST_ROUNDS):
            held_s += self._stage(rounds[start : start + _MOST_ROUNDS])
        return held_s

    def _stage(self, rounds: Sequence[Sequence[str]]) -> float:
        rows = {f"rows_{number}": "\n".join(lines) for number, lines in enumerate(rounds)}
        parameters = {**rows, "latest": latest_believable(self.now().wall_s)}
        return float(self._write(sql.stage(len(rounds)), parameters)[0][0])

    def move_batch(self, lease_id: str, after: str, limit_rows: int, finish: JobFinish) -> Batch | None:
        """Move one batch in one statement: fence and heartbeat, delete, upsert, count."""
        now = self.now()
        parameters = {
            **finish._asdict(),
            "lease_id": lease_id,
            "boot_id": now.boot_id,
            "latest": latest_believable(now.wall_s),
            "after": after,
            "limit_rows": limit_rows,
        }
        answer = self._write(sql.MOVE_BATCH, parameters)
        if not answer:
            return None
        rows, through, held_s, _ = answer[0]
        return Batch(rows, through, held_s, 0.0)

    def find_many(self, ips: Sequence[str]) -> tuple[list[Entry], list[Entry]]:
        """Return what the cache and what the dirty set know of addresses in normal form."""
        rows = self._look(sql.FIND_MANY, {"ips": " ".join(ips)})
        cached = [Entry(*row) for is_dirty, *row in rows if not is_dirty]
        return cached, [Entry(*row) for is_dirty, *row in rows if is_dirty]

    def find_spelt_otherwise(self) -> list[Entry]:
        """Return nothing: no other program writes here."""
        return []

    def count_by(self, key: str) -> list[tuple[str | None, str | None, int]]:
        """Count what is known by "country", "asn" or "org": key, name, rows; None is unknown."""
        return self._look(sql.COUNT_BY[key])

    def count_dirty_rows(self) -> int:
        """Count the dirty set."""
        return int(self._dirty()[0])

    def oldest_dirty(self) -> str | None:
        """Return the oldest `resolved_at` in the dirty set."""
        oldest: str | None = self._dirty()[1]
        return oldest

    def count_cache_rows(self) -> tuple[int, int]:
        """Count the cache, and those of its rows that have no country."""
        rows, unresolved, *_ = self._look(sql.COUNTS)[0]
        return rows, unresolved

    def _dirty(self) -> tuple[int, str | None]:
        """Count the dirty set, as of the moment when the cache was counted, if it was."""
        if self._read and sql.COUNTS in self._read:
            _, _, rows, oldest = self._read[sql.COUNTS][0]
        else:
            rows, oldest = self._look(sql.COUNT_DIRTY)[0]
        return rows, oldest

    # The memory of bans.

    @property
    def bans(self) -> "Bans":
        """Return what the memory of bans can be asked."""
        from bangui_cli.store.postgresql.bans import questions  # no job asks

        return questions(self._look, self.copy, latest_believable(self.now().wall_s))

    def copy(self, statement: str, parameters: Mapping[str, Any]) -> "Copied[Sequence[Any]]":
        """Return the rows of a statement, to be read as slowly as is wanted while the store is open."""
        if self._copies is None:
            from bangui_cli.store.postgresql.copying import Copies  # no job reads so much

            self._copies = Copies(self._ask)
        return self._copies.make(statement, parameters)

    def close(self) -> None:
        """Hang up, and give up what was copied."""
        super().close()
        if self._copies:
            self._copies.close()

    # The state of the jobs, and of the database.

    def job_state(self, job_id: str, instance: str = "") -> dict[str, Any]:
        """Return the state of a job; one that never ran has zeros and no times."""
        states = self._look(sql.READ_JOB_STATES, {"instance": instance})
        found = (state for name, owner, *state in states if (name, owner) == (job_id, instance))
        return dict(zip(sql.JOB_STATE_COLUMNS, next(found, sql.NEVER_RAN), strict=True))

    def last_successes(self, job_id: str) -> dict[str, str | None]:
        """Return when a job outside the lock last succeeded, by instance."""
        return dict(self._look(sql.LAST_SUCCESSES, {"job_id": job_id}))

    def count_names(self) -> int:
        """Return 1: a server has one set of files, however it is reached."""
        return 1

    def initialised_at(self) -> str | None:
        """Return when `init` first made the database."""
        initialised_at: str | None = self._look(sql.DESCRIBE)[0][1]
        return initialised_at

    def describe(self) -> dict[str, Any]:
        """Return what `status` tells of the database."""
        migration, _, size_bytes = self._look(sql.DESCRIBE)[0]
        return {
            "path": self.path,
            "journal_mode": None,
            "schema": migration,
            "size_bytes": size_bytes,
        }


def _good_for_s(situation: Situation) -> float:
    """Return how long a judgement is good: of a lease that has run out since it was read, it is not."""
    fresh_s = lease.fresh_for_s(situation.lock, situation.now)
    return _JUDGED_S if fresh_s is None else min(fresh_s, _JUDGED_S)


def _run(start: JobStart, finish: JobFinish | None) -> dict[str, Any]:
    """Return the parameters of a run that has begun, and perhaps ended."""
    return {
        **(finish or _NO_FINISH)._asdict(),
        **start._asdict(),
        "ends": finish is not None,
        "outcome": finish and finish.outcome,
        "duration_s": finish and finish.duration_s,
        "failures": int(finish is not None and finish.outcome != "ok"),
    }


def _rounds(packed: Sequence[str]) -> list[list[str]]:
    """Return packed entries in the order of their addresses, none of which comes twice in one round.

    A statement takes none twice; and what two entries leave of a third depends on their order.
    """
    rounds: list[list[str]] = []
    for _, entries in groupby(sorted(packed, key=packed_ip), packed_ip):
        for number, entry in enumerate(entries):
            if number == len(rounds):
                rounds.append([])
            rounds[number].append(entry)
    return rounds
