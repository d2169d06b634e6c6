"""The only place that reads a clock; everything above takes time as a value."""

import os
import time

from bangui_cli.rules.lease import Instant

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_TIME_NAMESPACE = "/proc/self/timens_offsets"
_START_UP_CEILING_S = 0.25


def wall_s() -> float:
    """Read the wall clock, in seconds since the epoch."""
    return time.time()


def monotonic_s() -> float:
    """Read the clock that deadlines and durations are measured on."""
    return time.monotonic()


def cpu_s() -> float:
    """Read the CPU time of this process, which neither a slow disk nor a slow reader makes longer."""
    return time.process_time()


def process_started_s() -> float:
    """Return, on the monotonic clock, when this process began: it has used its CPU time since.

    Its start time in /proc is no help: a shell that slept before its `exec` has an old one. A
    program that has worked before its `exec` has used CPU time, too, hence the ceiling.
    """
    return monotonic_s() - min(time.process_time(), _START_UP_CEILING_S)


def sleep_s(seconds: float) -> None:
    """Let others work; a signal handler that raises ends the sleep."""
    time.sleep(seconds)


def now() -> Instant:
    """Read all clocks of the lock at once."""
    return Instant(wall_s(), _boottime_s(), _boot_id())


def _boottime_s() -> float | None:
    try:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - _time_namespace_offset_s()
    except (OSError, AttributeError):
        return None


def _time_namespace_offset_s() -> float:
    """Return how far this time namespace shifts CLOCK_BOOTTIME (time_namespaces(7))."""
    for line in _read(_TIME_NAMESPACE).splitlines():
        name, *offset = line.split()
        if name in ("boottime", "7") and len(offset) == 2:
            return int(offset[0]) + int(offset[1]) / 1e9
    return 0.0


def _boot_id() -> str | None:
    return _read(_BOOT_ID).strip() or None


def _read(path: str) -> str:
    # os.open is several times cheaper than open(), and each job pays for it twice.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 4096).decode("ascii", "replace")
    finally:
        os.close(descriptor)
