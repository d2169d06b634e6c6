"""End a process that its deadline finds hanging, wherever it hangs."""

import os
import threading
from collections.abc import Callable

from bangui_cli.deadline import Deadline

# An event about a missed deadline needs structlog, 60 ms of imports, best done while waiting.
_LEAD_S = 0.2
# A batch takes 50 ms at most; past this the statement itself is stopped.
_PATIENCE_S = 0.05
_GRACE_S = 0.15


class Watchdog:
    """A thread beside one run: warms the log up, interrupts, and at last ends the process.

    SQLite's journal makes the last step safe at any moment; the sqlite3 module releases the GIL, so
    the thread runs also while a statement or the disk hangs.
    """

    def __init__(
        self, deadline: Deadline, *, prepare: Callable[[], None], give_up: Callable[[], int]
    ) -> None:
        """`give_up` reports for the hanging run and returns the exit code."""
        self._deadline = deadline
        self._prepare = prepare
        self._give_up = give_up
        self._ended = threading.Event()
        self._finisher = threading.Lock()
        self.interrupt: Callable[[], None] | None = None

    def __enter__(self) -> "Watchdog":
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def claim_finish(self) -> None:
        """Reserve the final report for the caller; never return once the watchdog has begun its own."""
        self._finisher.acquire()

    def _watch(self) -> None:
        if self._ended.wait(max(self._deadline.remaining_s() - _LEAD_S, 0.0)):
            return
        self._prepare()
        if self._ended.wait(self._deadline.remaining_s() + _PATIENCE_S):
            return
        interrupt = self.interrupt
        if interrupt:
            try:
                interrupt()
            except Exception:
                pass  # the connection may be closing in this very moment
        if self._ended.wait(_GRACE_S):
            return
        if self._finisher.acquire(blocking=False):
            os._exit(self._give_up())
