"""Delete from a database file what is no longer kept, and give its space back."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import Any

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.rules.networks import Networks, Span, common_text, span
from bangui_cli.rules.retention import KEEP_ALL, Retention
from bangui_cli.rules.validation import Rejected
from bangui_cli.states.errors import DatabaseBusy
from bangui_cli.states.records import Record
from bangui_cli.store.interface import Batch, JobFinish
from bangui_cli.store.sqlite import compaction, spelling
from bangui_cli.store.sqlite import upkeep_statements as sql
from bangui_cli.store.sqlite.entries import normal_forms
from bangui_cli.store.sqlite.entry_statements import OTHER_SPELLINGS
from bangui_cli.store.sqlite.statements import CACHE_SPILL_ON
from bangui_cli.store.sqlite.store import SqliteStore
from bangui_cli.store.upkeep import Forgotten, Prunable

LONGEST_WAIT_S = 10.0
_PAUSE_S = 0.05
# Each takes a statement under the write lock: no more of them than that may be held for.
_MOST_SPARED_ROWS = 10_000


class _Stretch(Record):
    """Some of the cache behind an address, and which of its old rows somebody needs, at one moment.

    `end` is its last address, None where it is the rest; where very many are needed, it ends early. The
    moment is over once `data_version` is another.
    """

    after: str
    end: str | None
    spared: list[str]
    data_version: int


class SqliteUpkeep(SqliteStore):
    """A store that can be tidied up; `upkeep.Upkeep` says what each verb promises."""

    def __init__(self, path: str, deadline: Deadline | None = None, **how: bool) -> None:
        super().__init__(path, deadline, **how)
        spelling.teach(self._connection)
        self._connection.create_function(sql.IS_WITHIN, 2, _is_within, deterministic=True)

    @contextmanager
    def pruning(self) -> Iterator[None]:
        """Keep the journal between commits."""
        with self.keeping_journal():
            yield

    def prune_history(self, lease_id: str, limit_rows: int, retention: Retention) -> Batch | None:
        """Delete bans in the order of the table."""
        return self._batch(lease_id, lambda: self._prune_history(retention.history_before, limit_rows))

    def _prune_history(self, before: str, limit_rows: int) -> tuple[int, str | None]:
        end = self._one(sql.HISTORY_BATCH_END, (before, limit_rows - 1))
        if end is None:
            return self._execute(sql.PRUNE_HISTORY, (before,)).rowcount, None
        return self._execute(sql.PRUNE_HISTORY_UNTIL, (before, *end)).rowcount, str(end[0])

    def prune_cache(
        self, lease_id: str, after: str, limit_rows: int, retention: Retention, finish: JobFinish
    ) -> Batch | None:
        """Delete cached addresses in the order of `ip`; look before the write lock who is needed.

        While it looks, others cannot commit, either: that counts as work, by half, since none of it is
        waiting for the disk.
        """
        if retention.cache_before == KEEP_ALL:
            return self._batch(lease_id, lambda: (0, None), finish)
        with self.snapshot():
            began_s = clocks.monotonic_s()
            stretch = self._look(after, limit_rows, retention)
            looked_s = clocks.monotonic_s() - began_s
        batch = self._batch(lease_id, lambda: self._prune(stretch, limit_rows, retention), finish)
        return batch and batch._replace(work_s=max(batch.work_s, looked_s / 2))

    def _look(self, after: str, limit_rows: int, retention: Retention) -> _Stretch:
        end = self._one(sql.CACHE_BATCH_END, (after, max(limit_rows - 1, 0)))
        through, most = end[0] if end else sql.BEHIND_ALL, _MOST_SPARED_ROWS
        asked = {"after": after, "through": through, "most": most, **retention._asdict()}
        spared = [ip for (ip,) in self._all(sql.FIND_SPARED, asked)]
        last = spared[-1] if len(spared) == most else end and end[0]
        return _Stretch(after, last, spared, self._data_version())

    def _prune(self, seen: _Stretch, limit_rows: int, retention: Retention) -> tuple[int, str | None]:
        """Delete what was not spared; where others have written since, look again, at half as much.

        To look takes as long as to delete, and now others wait for both.
        """
        stretch = seen
        if self._data_version() != seen.data_version:
            stretch = self._look(seen.after, limit_rows // 2, retention)
        edges, asked = [stretch.after, *stretch.spared], retention._asdict()
        through = sql.BEHIND_ALL if stretch.end is None else stretch.end
        gaps = ({"after": first, "spared": last, **asked} for first, last in pairwise(edges))
        rows = self._execute_many(sql.PRUNE_BETWEEN, gaps)
        rest = {"after": edges[-1], "through": through, **asked}
        return rows + self._execute(sql.PRUNE_THROUGH, rest).rowcount, stretch.end

    def _data_version(self) -> int:
        return int(self._scalar(sql.DATA_VERSION))

    def _batch(
        self,
        lease_id: str,
        delete: Callable[[], tuple[int, str | None]],
        finish: JobFinish | None = None,
    ) -> Batch | None:
        """Delete something in one transaction: fence and heartbeat, rows, and the record at the end."""
        with self.transaction():
            began_s, now = clocks.monotonic_s(), self.now()
            if not self._renew_lease(lease_id, now):
                return None
            rows, through = delete()
            if finish and through is None:
                self._finish(finish._replace(rows=(finish.rows or 0) + rows), now)
            worked_s = clocks.monotonic_s()
        return Batch(rows, through, worked_s - began_s, clocks.monotonic_s() - worked_s)

    def count_prunable(self, retention: Retention) -> Prunable:
        """Count what a prune would delete, a full scan."""
        parameters: dict[str, Any] = {"after": "", "through": sql.BEHIND_ALL, **retention._asdict()}
        return Prunable(
            self._one(sql.COUNT_PRUNABLE_CACHE, parameters)[0],
            self._one(sql.COUNT_OLD_HISTORY, (retention.history_before,))[0],
        )

    def compact(self, lease_id: str) -> bool:
        """Make the file anew."""
        in_use = DatabaseBusy(
            f"pruned, but not compacted: others keep {self.path} in use", path=self.path
        )
        with self.bounded(LONGEST_WAIT_S, in_use), self.transaction():
            if not self._renew_lease(lease_id, self.now()):
                return False
        compaction.require_room(self.path, int(self._scalar(sql.LIVE_BYTES)))
        # It holds the file alone: what does not fit into memory can be written early.
        self._execute(CACHE_SPILL_ON)
        self._vacuum(Deadline(clocks.monotonic_s() + LONGEST_WAIT_S, in_use))
        self._patiently(sql.CHECKPOINT)
        return True

    def _vacuum(self, wait: Deadline) -> None:
        """Wait until nobody else reads or writes, but not as long as the run may take."""
        while True:
            try:
                self._execute(sql.VACUUM)
                return
            except DatabaseBusy:
                for limit in filter(None, (self.deadline, wait)):
                    limit.check()
            clocks.sleep_s(_PAUSE_S)

    def forget(self, targets: Sequence[str]) -> Forgotten:
        """Delete addresses by their key, and networks by how the texts of their addresses begin."""
        self._execute(sql.SECURE_DELETE_ON)
        with self.transaction():
            self.require_schema()
            forgotten = Forgotten(*map(sum, zip(*self._forget(targets), strict=True)))
            if any(forgotten):
                self._execute(sql.READ_ALL_BANS_ANEW)
        return forgotten

    def _forget(self, targets: Sequence[str]) -> Iterator[list[int]]:
        """Delete, and tell the rows of each table each time."""
        asked, found = Networks(targets), self._all(OTHER_SPELLINGS)
        spelt = [
            spelling for spelling, ip in normal_forms([text for (text,) in found]) if asked.holding(ip)
        ]
        singles = (json.dumps([*targets, *spelt]),)
        yield [self._execute(statement, singles).rowcount for statement in sql.FORGET]
        for network in (target for target in targets if "/" in target):
            bounds = (*_texts_within(network), network)
            yield [self._execute(statement, bounds).rowcount for statement in sql.FORGET_NETWORK]

    def size_bytes(self) -> int:
        """Return the size of the file."""
        return os.stat(self.path).st_size


def _texts_within(network: str) -> tuple[str, str | bytes]:
    """Return the first text of what may be in a network, and the first behind."""
    start = common_text(network)
    return start, start[:-1] + chr(ord(start[-1]) + 1) if start else sql.BEHIND_ALL


def _is_within(text: str, network: str) -> bool:
    try:
        return _asked(network).holds(span(text))
    except Rejected:
        return False


@lru_cache(maxsize=1)
def _asked(network: str) -> Span:
    return span(network)
