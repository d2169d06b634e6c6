"""Write entries into the dirty set, so that they survive a power cut once the run has ended well."""

from collections.abc import Iterator
from contextlib import contextmanager

from bangui_cli import clocks, deadline, pacing
from bangui_cli.entry import Entry, pack, packed_ip
from bangui_cli.errors import BanguiError
from bangui_cli.store import Store

# What is sorted together: the more, the fewer pages are written twice; a row takes some 160 bytes.
MOST_PENDING_ROWS = 64_000

_LAST_WAIT_S = 1.0


@contextmanager
def open_store(path: str) -> Iterator[Store]:
    """Open the database for staging, its schema checked."""
    with Store(path, sync_all=True) as store:
        with store.snapshot():
            store.require_schema()
        yield store


def stage(store: Store, entry: Entry) -> None:
    """Stage one entry."""
    with store.transaction():
        store.stage([pack(entry)])


class Staging:
    """Many packed entries on their way into the dirty set, in transactions that let other writers in.

    `pending` is filled by the caller; `staged_rows` counts what is committed.
    """

    def __init__(self, store: Store) -> None:
        store.allow_spill()
        self._store = store
        self._batch_rows = pacing.FIRST_BATCH_ROWS
        self.pending: list[str] = []
        self.staged_rows = 0

    def commit(self) -> None:
        """Stage what is pending. Entries of one address stay in the order in which they came."""
        self.pending.sort(key=packed_ip)
        rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S
        while self.pending:
            if clocks.monotonic_s() >= rest_s:
                clocks.sleep_s(pacing.REST_S)
                rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S
            batch = self.pending[: self._batch_rows]
            held_s = self._stage(batch)
            # A signal between these lines stages some rows again, which is harmless.
            del self.pending[: len(batch)]
            self.staged_rows += len(batch)
            self._pace(len(batch), held_s)

    def save_pending(self) -> None:
        """Stage what is pending when something else has ended the run, if that takes no time."""
        self._store.deadline = deadline.for_lock_wait(self._store.path, _LAST_WAIT_S)
        try:
            self.commit()
        except BanguiError:
            pass

    def _stage(self, batch: list[str]) -> float:
        try:
            with self._store.transaction():
                began_s = clocks.monotonic_s()
                self._store.stage(batch)
        except BanguiError:
            self.pending.clear()  # it would fail again
            raise
        return clocks.monotonic_s() - began_s

    def _pace(self, rows: int, held_s: float) -> None:
        # The speed of a few rows says nothing of many.
        if rows == self._batch_rows or held_s > pacing.STAGING_TARGET_HOLD_S:
            self._batch_rows = pacing.next_batch_rows(
                rows, held_s, MOST_PENDING_ROWS, pacing.STAGING_TARGET_HOLD_S
            )
