"""What every engine offers beside `interface.Store`, to those who delete what it holds."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from bangui_cli.rules.retention import Retention
from bangui_cli.states.records import Record
from bangui_cli.store.interface import Batch, JobFinish, Store

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class Prunable(Record):
    """How many rows of the cache and of the history are no longer kept."""

    cache_rows: int
    history_rows: int


class Forgotten(Record):
    """How many rows of cache, dirty set and history were deleted."""

    cache_rows: int
    dirty_rows: int
    history_rows: int


class Upkeep(Store, Protocol):
    """A store that can be tidied up. What `interface` says of verbs holds here, too."""

    def pruning(self) -> AbstractContextManager[None]:
        """Make many short transactions in a row cheaper; what they delete is gone as after any other."""

    def prune_history(self, lease_id: str, limit_rows: int, retention: Retention) -> Batch | None:
        """Delete the oldest bans that are no longer kept, under the fence of a lease.

        Refresh the heartbeat. `through` is None once no such ban is left, else anything. Return None,
        writing nothing, without the lease.
        """

    def prune_cache(
        self, lease_id: str, after: str, limit_rows: int, retention: Retention, finish: JobFinish
    ) -> Batch | None:
        """Look at the next cached addresses behind `after`, and delete those that are no longer kept.

        Of `last_seen` and `cached_at` the newer counts. One that is dirty is kept, and so is one that a
        ban is about which is kept itself; a ban of a network is about its first address. An address
        counts by its normal form, however it is spelt. Otherwise as `prune_history`; at the end of the
        cache record `finish`, whose rows are what the run has deleted of it before.
        """

    def count_prunable(self, retention: Retention) -> Prunable:
        """Count what a prune would delete. Wants a snapshot."""

    def compact(self, lease_id: str) -> bool:
        """Give the space of deleted rows back to the file system, where the engine has files of its own.

        Return False, having done nothing, without the lease. Raise DiskFull where there is not as much
        room as it takes, and DatabaseBusy where others do not let go.
        """

    def forget(self, targets: Sequence[str]) -> Forgotten:
        """Delete what is known of addresses and networks in normal form; a network is all that is in it.

        What it was leaves no trace, as far as the engine can see to that. Where anything is deleted,
        every instance reads all of fail2ban's bans anew. Raise what `require_schema` does.
        """

    def size_bytes(self) -> int:
        """Return the room that the database takes."""
