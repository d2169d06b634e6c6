"""What every engine offers: the verbs of the store, each one transaction, and the values they speak in.

A verb that changes something is one transaction by itself, so that no caller ever holds the database
while it thinks. Reads that belong together stand in one `snapshot`. Every moment that is written comes
from the engine's own clock. Each verb raises `deadline.overrun` once the deadline has come, and the
states of `states.errors` for what the engine refuses.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from bangui_cli.host.deadline import Deadline
from bangui_cli.rules.lease import Instant, LockRow
from bangui_cli.states.records import Record

# The type checker alone holds engines to it: to make a protocol costs each run 0.2 ms.
if TYPE_CHECKING:
    from typing import Protocol

    from bangui_cli.rules.entry import Entry
    from bangui_cli.store.bans import Bans
else:
    Protocol = object

Answer = TypeVar("Answer")


class Situation(Record):
    """What a pass is decided by, all read at one moment of the engine's clock."""

    lock: LockRow | None
    now: Instant
    highest_token: int
    has_dirty_rows: bool


class JobStart(Record):
    """A run that began `elapsed_s` ago. A job outside the lock is recorded under its instance."""

    job_id: str
    correlation_id: str
    token: int
    elapsed_s: float
    instance: str = ""


class JobFinish(Record):
    """A run that has ended, for `job_state`; `rows` is what it moved, None where nobody knows."""

    job_id: str
    correlation_id: str
    outcome: str
    rows: int | None
    duration_s: float
    instance: str = ""


class Decision(Record):
    """What to write of a situation: the lock, and the start and perhaps the end of a run."""

    lock: LockRow
    start: JobStart | None = None
    finish: JobFinish | None = None


class Batch(Record):
    """What one transaction of a sweep moved, and how long others had to wait for it.

    `through` is the last address, None at the end of the sweep. `work_s` grows with the rows, `commit_s`
    hardly does.
    """

    rows: int
    through: str | None
    work_s: float
    commit_s: float


class Store(Protocol):
    """bangui's tables in one open database."""

    deadline: Deadline | None
    # Whether something was written of which nobody has heard whether it was committed.
    is_in_doubt: bool
    # What suits the engine: what to sort together before it is staged, the most rows to stage at once,
    # how long a batch of a sweep may hold others up, and the rest that lets other writers in.
    most_pending_bytes: int
    most_staged_rows: int
    target_hold_s: float
    rest_s: float

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def hurry(self, within_s: float) -> None:
        """Bound all that is still to be done by a time from now, whatever the deadline was."""

    def now(self) -> Instant:
        """Read the clock that everything in this database is judged by."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Read one consistent state, writing nothing."""

    def require_schema(self) -> None:
        """Raise NoTables or SchemaNewer unless this tool's migrations are applied, no more, no less.

        Raise ForeignSchema where something else stands in the place of a table. Wants a snapshot.
        """

    # The lock.

    def situation(self) -> Situation:
        """Return what a pass right now would be decided by. Wants a snapshot."""

    def decide(self, judge: Callable[[Situation], tuple[Decision | None, Answer]]) -> Answer:
        """Write what a function makes of the situation; for None, and where it raises, nothing.

        The situation is still the same when it is written; so the function may be asked more than once.
        What it answers besides is returned. Raise what `require_schema` does.
        """

    def record_finish(self, lease_id: str, finish: JobFinish) -> bool:
        """Record the end of a run under its lease; return False, writing nothing, where that is lost."""

    def record_run(self, start: JobStart, finish: JobFinish) -> None:
        """Record a whole run of a job that takes no lock."""

    # The dirty set and the cache.

    def bulk_staging(self) -> AbstractContextManager[None]:
        """Make many big transactions in a row cheaper, in time and memory."""

    def stage(self, packed: Sequence[str]) -> float:
        """Merge packed entries into the dirty set by the rule of `entry.merge`; sorted is faster.

        Return the seconds for which others had to wait.
        """

    def sweeping(self) -> AbstractContextManager[None]:
        """Make many short transactions in a row cheaper."""

    def move_batch(self, lease_id: str, after: str, limit_rows: int, finish: JobFinish) -> Batch | None:
        """Move the next dirty rows behind address `after` into the cache, under the fence of a lease.

        Refresh the heartbeat and add to the total of the job. At the end of the sweep record `finish`,
        whose rows are what the run has moved before. Return None, writing nothing, without the lease.
        """

    def find_many(self, ips: Sequence[str]) -> "tuple[list[Entry], list[Entry]]":
        """Return what the cache and what the dirty set know of addresses in normal form.

        The cache may know one more than once, where another program has spelt it otherwise. Wants a
        snapshot, as all that follow.
        """

    def find_spelt_otherwise(self) -> "list[Entry]":
        """Return what the cache knows of addresses that are not in normal form, in normal form."""

    def count_by(self, key: str) -> list[tuple[str | None, str | None, int]]:
        """Count what is known by "country", "asn" or "org": key, name, rows; None is unknown.

        A key comes once with each of its names, and in each spelling of another program's.
        """

    @property
    def bans(self) -> "Bans":
        """Return what the memory of bans can be asked."""

    def count_dirty_rows(self) -> int:
        """Count the dirty set, a full scan."""

    def oldest_dirty(self) -> str | None:
        """Return the oldest `resolved_at` in the dirty set."""

    def count_cache_rows(self) -> tuple[int, int]:
        """Count the cache, and those of its rows that have no country."""

    def job_state(self, job_id: str, instance: str = "") -> dict[str, Any]:
        """Return the state of a job, outside the lock that of an instance; never ran: zeros, no times.

        Whatever is stored, moments come as texts and counts as numbers.
        """

    def last_successes(self, job_id: str) -> dict[str, str | None]:
        """Return when a job outside the lock last succeeded, by instance."""

    def count_names(self) -> int:
        """Count the names under which programs may open the database; more than one is a danger."""

    def initialised_at(self) -> str | None:
        """Return when `init` first made or adopted the database."""

    def describe(self) -> dict[str, Any]:
        """Return what `status` tells of the database: path, journal_mode, schema, size_bytes."""
