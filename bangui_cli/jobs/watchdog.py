"""End a process that its deadline finds hanging, wherever it hangs."""

import os
import threading
from collections.abc import Callable

from bangui_cli import exit_codes
from bangui_cli.deadline import Deadline

# An event about a missed deadline needs structlog: 60 ms of imports, several times that on a busy
# machine or a cold disk. They are best done while waiting.
_LEAD_S = 1.0
# A pass that works ends at the deadline by itself, and records that.
_PATIENCE_S = 0.15


class Watchdog:
    """A thread beside one run: warms the log up, and ends the process when its time is over.

    SQLite's journal makes that safe at any moment; the sqlite3 module releases the GIL, so the
    thread runs also while a statement or the disk hangs.
    """

    def __init__(
        self, deadline: Deadline, prepare: Callable[[], None], give_up: Callable[[], int]
    ) -> None:
        """`give_up` reports for the hanging run and returns the exit code."""
        self._deadline = deadline
        self._prepare = prepare
        self._give_up = give_up
        self._ended = threading.Event()
        self._finisher = threading.Lock()

    def __enter__(self) -> "Watchdog":
        try:
            threading.Thread(target=self._watch, daemon=True).start()
        except RuntimeError:
            pass  # no thread to be had: the run still looks at its deadline at each step
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def claim_finish(self) -> None:
        """Reserve the final report for the caller; never return once the watchdog has begun its own."""
        self._finisher.acquire()

    def _watch(self) -> None:
        left_s = self._deadline.remaining_s()
        if self._ended.wait(left_s - min(_LEAD_S, left_s / 2)):
            return
        try:
            self._prepare()
        except Exception:
            pass  # then the report fails, too; the process ends all the same
        if self._ended.wait(self._deadline.remaining_s() + _PATIENCE_S):
            return
        if self._finisher.acquire(blocking=False):
            exit_code = exit_codes.TIMEOUT
            try:
                exit_code = self._give_up()
            finally:
                # Without it the main thread would wait for the report of a thread that is gone.
                os._exit(exit_code)
