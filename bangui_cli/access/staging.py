"""Write entries into the dirty set, so that they survive a power cut once the run has ended well."""

import _thread
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bangui_cli.host import clocks
from bangui_cli.rules import pacing
from bangui_cli.rules.entry import Entry, pack, packed_ip
from bangui_cli.states.errors import BanguiError
from bangui_cli.store import Store, open_store

# So long the reading thread may keep the one that writes from its next statement; Python's 5 ms are
# as much as many statements take.
_SWITCH_INTERVAL_S = 0.0001
# With what comes after it, it stays within what the watchdog leaves.
_LAST_WAIT_S = 0.4


@contextmanager
def open_staging(database: str, opens: Callable[..., Store] = open_store) -> Iterator[Store]:
    """Open the database for staging, its schema checked."""
    with opens(database, durable=True) as store:
        with store.snapshot():
            store.require_schema()
        yield store


def stage(store: Store, entry: Entry) -> None:
    """Stage one entry."""
    store.stage([pack(entry)])


class Staging:
    """Many packed entries on their way into the dirty set, in transactions that let other writers in.

    `pending` is filled by the caller; `staged_rows` counts what is committed. A thread can write one
    batch while the next is being read: SQLite works without the interpreter's lock.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.most_pending_bytes = store.most_pending_bytes
        self._batch_rows = pacing.FIRST_BATCH_ROWS
        self._rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S
        # Held by the thread that uses the store. The locks of `threading` do not bear a signal that
        # raises while they are waited for: Thread.join() then takes a running thread for ended.
        self._writing = _thread.allocate_lock()
        self._taken: list[str] = []
        self._failure: BaseException | None = None
        self.pending: list[str] = []
        self.staged_rows = 0
        # Whether more may be committed than is counted: an answer never came.
        self.is_in_doubt = False

    @staticmethod
    def order(packed: str) -> str:
        """Return what is to be sorted by: the table's own order is the fastest."""
        return packed_ip(packed)

    def write(self, batch: list[str]) -> float:
        """Write a batch in one transaction; return the seconds for which others had to wait."""
        return self.store.stage(batch)

    def now_s(self) -> float:
        """Return the time at which an entry without one counts as resolved: the database's own."""
        return self.store.now().wall_s

    def commit(self) -> None:
        """Stage what is pending. Entries of one address stay in the order in which they came."""
        self._take_pending()
        with self._writing:
            self._finish()

    def commit_beside(self) -> None:
        """Stage what is pending while the caller goes on; what fails is raised by the next commit."""
        self._take_pending()
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        try:
            _thread.start_new_thread(self._write_beside, ())
        except RuntimeError:
            pass  # no thread is to be had: the next commit writes what was taken

    def save_pending(self) -> None:
        """Stage what is pending when something else has ended the run, if that takes no time."""
        self.store.hurry(_LAST_WAIT_S)
        try:
            self.commit()
        except BanguiError:
            pass
        finally:
            with self._writing:
                self._taken.clear()

    def _take_pending(self) -> None:
        with self._writing:
            self._finish()
            # A signal between these lines stages some rows again, which is harmless.
            self._taken += self.pending
            self.pending.clear()

    def _finish(self) -> None:
        """Write what was taken. Raise what went wrong."""
        if self._failure:
            raise self._failure
        self._write()

    def _write_beside(self) -> None:
        # A thread that comes late finds that the caller, or a later one, has written everything.
        with self._writing:
            try:
                self._write()
            except BaseException as error:
                self._failure = error

    def _write(self) -> None:
        self._taken.sort(key=self.order)
        while self._taken:
            self._rest()
            batch = self._taken[: self._batch_rows]
            held_s = self._stage(batch)
            # A signal between these lines stages some rows again, which is harmless.
            del self._taken[: len(batch)]
            self.staged_rows += len(batch)
            self._pace(len(batch), held_s)

    def _rest(self) -> None:
        if clocks.monotonic_s() >= self._rest_s:
            clocks.sleep_s(self.store.rest_s)
            self._rest_s = clocks.monotonic_s() + pacing.SWEEP_BETWEEN_RESTS_S

    def _stage(self, batch: list[str]) -> float:
        try:
            return self.write(batch)
        except Exception:
            self.is_in_doubt |= self.store.is_in_doubt
            self._taken.clear()  # it would fail again; and who closes the store waits for no late thread
            raise

    def _pace(self, rows: int, held_s: float) -> None:
        # The speed of a few rows says nothing of many.
        if rows == self._batch_rows or held_s > pacing.STAGING_TARGET_HOLD_S:
            self._batch_rows = pacing.next_batch_rows(
                rows, held_s, self.store.most_staged_rows, pacing.STAGING_TARGET_HOLD_S
            )
