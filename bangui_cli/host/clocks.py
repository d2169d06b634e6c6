"""The only place that reads a clock; everything above takes time as a value."""

import os
import time

from bangui_cli.host import procfs
from bangui_cli.rules import start_up

TYPE_CHECKING = False  # as in bangui_cli.states.records
if TYPE_CHECKING:
    from bangui_cli.rules.lease import Instant

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_TIME_NAMESPACE = "/proc/self/timens_offsets"
# Of /proc/self/stat, counted behind the name of the program.
_FAULTS_OF_CHILDREN, _FORKED_AT = 8, 19


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
    """Return, on the monotonic clock, when this process began, as far as the kernel can tell."""
    return monotonic_s() - _age_s()


def _age_s() -> float:
    cpu_s = time.process_time()
    try:
        # The name of a program may hold spaces and brackets.
        fields = procfs.read("/proc/self/stat").rpartition(")")[2].split()
        forked_at_s = int(fields[_FORKED_AT]) / os.sysconf("SC_CLK_TCK")
        since_fork_s = time.clock_gettime(time.CLOCK_BOOTTIME) - forked_at_s
        # In nanoseconds: on a CPU, in the queue for one.
        queued_s = int((procfs.read("/proc/self/schedstat").split() or ["0", "0"])[1]) / 1e9
        waits = int(procfs.read("/proc/self/status").partition("voluntary_ctxt_switches:")[2].split()[0])
        has_run_others = fields[_FAULTS_OF_CHILDREN] != "0"
    except (OSError, ValueError, IndexError, AttributeError):  # not Linux's /proc, or none
        since_fork_s, queued_s, waits, has_run_others = 0.0, 0.0, 0, True
    return start_up.age_s(since_fork_s, cpu_s, queued_s, waits, has_run_others=has_run_others)


def others_cpu_s() -> float:
    """Return the CPU time that all threads but this one have used."""
    return time.process_time() - time.thread_time()


def cpu_of_s(pid: int) -> float:
    """Return the CPU time that another process has used, 0 for one that has gone."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) makes of a process ID
    except OSError:
        return 0.0


def sleep_s(seconds: float) -> None:
    """Let others work; a signal handler that raises ends the sleep."""
    time.sleep(seconds)


def now() -> "Instant":
    """Read all clocks of the lock at once."""
    from bangui_cli.rules.lease import Instant

    return Instant(wall_s(), _boottime_s(), _boot_id())


def _boottime_s() -> float | None:
    try:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - _time_namespace_offset_s()
    except (OSError, AttributeError):
        return None


def _time_namespace_offset_s() -> float:
    """Return how far this time namespace shifts CLOCK_BOOTTIME (time_namespaces(7))."""
    for line in procfs.read(_TIME_NAMESPACE).splitlines():
        name, *offset = line.split()
        if name in ("boottime", "7") and len(offset) == 2:
            return int(offset[0]) + int(offset[1]) / 1e9
    return 0.0


def _boot_id() -> str | None:
    return procfs.read(_BOOT_ID).strip() or None
