"""End the process where its work does not: a thread looks on, wherever the main thread hangs.

Python runs its handlers of signals between two of its own instructions: never while SQLite repeats a
system call, nor while the kernel waits for a disk that is dead. This thread hears of a signal at once.
SQLite's journal makes it safe to leave at any moment.
"""

import _thread
import os
import select
from collections.abc import Callable

from bangui_cli.host import clocks, signals, vitals
from bangui_cli.host.deadline import Deadline
from bangui_cli.host.vitals import Pulse
from bangui_cli.states import exit_codes
from bangui_cli.states.errors import Interrupted, NoAnswer, explain
from bangui_cli.states.records import Record

# An event about a missed deadline needs structlog: 60 ms of imports, several times that on a busy
# machine or a cold disk. They are best done while waiting.
_LEAD_S = 1.0
# A pass that works ends at the deadline by itself, and records that.
_PATIENCE_S = 0.15
# A line hangs where another process fills the pipe between the look at it and the write.
_REPORT_S = 0.5
# After a signal there is this long to roll back, to save what was read and to count it.
_GRACE_S = 0.8
_LAST_REPORT_S = 0.1
# timeout(1) sends its signal to the process, and then once more to the group that it is in.
_ONE_REQUEST_S = 0.2
# A call that has not come back for so long does not come back.
LONGEST_CALL_S = 40.0
_LOOK_EVERY_S = 2.5

# Tells why the process ends, and returns the exit code.
Report = Callable[[BaseException], int]


class _Charge(Record):
    """A deadline to keep."""

    deadline: Deadline
    ends_at_s: float
    warms_up_at_s: float
    warm_up: Callable[[], None]


class _End(Record):
    """When to end the process, and why."""

    at_s: float
    reason: BaseException


class Watchdog:
    """Ends its process after a signal, at a deadline, or without one in what never comes to an end."""

    def __init__(self) -> None:
        self._ear = self._bell = -1
        self._report: Report = lambda reason: explain(reason).exit_code
        self._exit_code = exit_codes.UNEXPECTED
        self._finisher = _thread.allocate_lock()
        self._is_claimed = False
        self._charge: _Charge | None = None
        self._is_warm_for: _Charge | None = None
        self._request: _End | None = None
        self._pulse: Pulse | None = None
        self._still_looks = 0
        self._task_cpu_s = 0.0

    def start(self, report: Report) -> None:
        """Watch from now on, where a thread is to be had; `report` tells why the process ends."""
        self._report = report
        try:
            self._ear, self._bell = os.pipe()
            os.set_blocking(self._bell, False)
            _thread.start_new_thread(self._watch, ())
        except (OSError, RuntimeError):
            signals.install(None)
        else:
            signals.install(self._bell)

    def keep(self, deadline: Deadline, report: Report, warm_up: Callable[[], None]) -> None:
        """End the process at a deadline from now on; `warm_up` is called some time before."""
        ends_at_s, lead_s = deadline.ends_at_s, min(_LEAD_S, deadline.remaining_s() / 2)
        self._report = report
        self._charge = _Charge(deadline, ends_at_s, ends_at_s - lead_s, warm_up)
        self._ring()

    def release(self) -> None:
        """Keep no deadline any more."""
        self._charge = None
        self._ring()

    def claim_finish(self, exit_code: int) -> None:
        """Reserve the final report for the caller; never return once the watchdog has begun its own."""
        if not self._is_claimed:
            self._finisher.acquire()
        self._is_claimed = True
        self._exit_code = exit_code

    def _ring(self) -> None:
        try:
            os.write(self._bell, b"\0")
        except OSError:
            pass  # nobody watches

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(self._ear, select.POLLIN)
        while True:
            heard = poll.poll(self._rest_s() * 1000)
            reason = self._hear(os.read(self._ear, 64)) if heard else self._look()
            if reason is not None:
                self._end(reason)

    def _rest_s(self) -> float:
        """Return how long there is nothing to do."""
        charge, moments_s = self._charge, [end.at_s for end in self._ends()]
        if charge and self._is_warm_for is not charge:
            moments_s.append(charge.warms_up_at_s)
        if not moments_s:
            return _LOOK_EVERY_S
        return max(min(moments_s) - clocks.monotonic_s(), 0.0)

    def _ends(self) -> list[_End]:
        """Return why to end the process, and when."""
        charge, ends = self._charge, [self._request] if self._request else []
        if charge:
            ends.append(_End(charge.ends_at_s + _PATIENCE_S, charge.deadline.overrun))
        return ends

    def _hear(self, numbers: bytes) -> BaseException | None:
        """Take signals down; return why to end at once."""
        now_s = clocks.monotonic_s()
        for number in filter(signals.NAMES.get, numbers):
            reason = signals.interrupted(number)
            if self._request is None:
                self._request = _End(now_s + _GRACE_S, reason)
            elif now_s >= self._request.at_s - _GRACE_S + _ONE_REQUEST_S:
                return reason
        return None

    def _look(self) -> BaseException | None:
        """Return why to end the process now, if so."""
        now_s, charge, ends = clocks.monotonic_s(), self._charge, self._ends()
        if charge and self._is_warm_for is not charge and now_s >= charge.warms_up_at_s:
            self._is_warm_for = charge
            _beside(charge.warm_up)
        if not ends:
            return self._feel_pulse()
        return next((reason for at_s, reason in ends if now_s >= at_s), None)

    def _feel_pulse(self) -> BaseException | None:
        """Count the looks in a row between which no work was done, as a stopped process does none."""
        before, self._pulse = self._pulse, vitals.feel_pulse()
        is_still = vitals.is_still(before, self._pulse, _LOOK_EVERY_S)
        self._still_looks = self._still_looks + 1 if is_still else 0
        if self._still_looks * _LOOK_EVERY_S >= LONGEST_CALL_S:
            return NoAnswer(f"the file system has not answered for {LONGEST_CALL_S:g} s")
        return self._find_endless_task(vitals.cpu_for_one_task_s(before, self._pulse))

    def _find_endless_task(self, cpu_s: float) -> BaseException | None:
        """Add up the CPU time for one piece of work, which had its chance to end by itself."""
        self._task_cpu_s = self._task_cpu_s + cpu_s if cpu_s else 0.0
        task = self._pulse and self._pulse.task
        is_endless = task and self._task_cpu_s > task.limit_cpu_s + 2 * _LOOK_EVERY_S
        return task.overrun() if task and is_endless else None

    def _end(self, reason: BaseException) -> None:
        within_s = _LAST_REPORT_S if isinstance(reason, Interrupted) else _REPORT_S
        if self._finisher.acquire(blocking=False):
            self._exit_code = explain(reason).exit_code
            _beside(lambda: self._tell(reason), within_s)
        else:
            self._finisher.acquire(timeout=within_s)  # the main thread is at its own report
        os._exit(self._exit_code)

    def _tell(self, reason: BaseException) -> None:
        self._exit_code = self._report(reason)


def _beside(work: Callable[[], None], within_s: float = 0.0) -> None:
    """Do what may hang in a thread of its own, and wait for it so long."""
    done = _thread.allocate_lock()
    done.acquire()

    def run() -> None:
        try:
            work()
        except Exception:
            pass  # as for want of memory; the exit code still tells
        done.release()

    try:
        _thread.start_new_thread(run, ())
    except RuntimeError:
        run()  # no thread is to be had
    done.acquire(timeout=within_s)
