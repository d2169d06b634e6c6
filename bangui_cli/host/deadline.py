"""Bound a wait, or a whole run, on the monotonic clock."""

from bangui_cli.host import clocks
from bangui_cli.states import errors

# So often a sleep looks whether a signal has cut it short.
_LOOK_EVERY_S = 0.25


class Deadline:
    """A moment on the monotonic clock after which `check` raises `overrun`."""

    def __init__(self, ends_at_s: float, overrun: BaseException) -> None:
        self.ends_at_s = ends_at_s
        self.overrun = overrun

    def remaining_s(self) -> float:
        """Return the seconds that are left, never negative."""
        return max(self.ends_at_s - clocks.monotonic_s(), 0.0)

    def check(self) -> None:
        """Raise the overrun error once the moment has come."""
        if not self.remaining_s():
            raise self.overrun

    def sleep_s(self, seconds: float) -> None:
        """Let time pass; raise the overrun error once the moment has come."""
        ends_at_s = clocks.monotonic_s() + seconds
        while (left_s := ends_at_s - clocks.monotonic_s()) > 0:
            self.check()
            clocks.sleep_s(min(left_s, self.remaining_s(), _LOOK_EVERY_S))

    def cut_short(self, reason: BaseException) -> None:
        """Let the moment come now, for this reason. A signal handler may call it at any time."""
        self.overrun = reason
        self.ends_at_s = 0.0


def for_run(started_s: float, timeout_s: float) -> Deadline:
    """Bound a job's whole run; past it is DeadlineExceeded (exit 124)."""
    return Deadline(started_s + timeout_s, errors.timed_out(timeout_s))
