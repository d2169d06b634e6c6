"""End a process that its deadline finds hanging, wherever it hangs."""

import os
import threading
from collections.abc import Callable

from bangui_cli.host.deadline import Deadline

# An event about a missed deadline needs structlog: 60 ms of imports, several times that on a busy
# machine or a cold disk. They are best done while waiting.
_LEAD_S = 1.0
# A pass that works ends at the deadline by itself, and records that.
_PATIENCE_S = 0.15
# A line hangs where another process fills the pipe between the look at it and the write.
_REPORT_S = 0.5


class Watchdog:
    """A thread beside one run: warms the log up, and ends the process when its time is over.

    SQLite's journal makes that safe at any moment; the sqlite3 module releases the GIL, so the
    thread runs also while a statement or the disk hangs.
    """

    def __init__(
        self,
        deadline: Deadline,
        *,
        prepare: Callable[[], None],
        give_up: Callable[[], None],
        exit_code: Callable[[], int],
    ) -> None:
        """`give_up` reports for the hanging run; `exit_code` tells what the report came to."""
        self._deadline = deadline
        self._prepare = prepare
        self._give_up = give_up
        self._exit_code = exit_code
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
            self._report()
        elif self._ended.wait(_REPORT_S):
            return
        # Without it the main thread would wait for ever: for this report, or in its own.
        os._exit(self._exit_code())

    def _report(self) -> None:
        """Report in a thread of its own, which may hang, too."""
        reporter = threading.Thread(target=self._report_quietly, daemon=True)
        try:
            reporter.start()
            reporter.join(_REPORT_S)
        except RuntimeError:
            self._report_quietly()

    def _report_quietly(self) -> None:
        try:
            self._give_up()
        except Exception:
            pass  # as for want of memory; the exit code still tells
