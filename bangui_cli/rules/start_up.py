"""How old a process is when its first line runs, by what the kernel has counted of it."""

# So much CPU time an interpreter's start takes on a small board; who has used more has worked before.
CPU_CEILING_S = 0.25
# So long one read of a slow disk takes. Who sleeps, or waits for a lock, waits longer each time.
LONGEST_WAIT_S = 0.05
CEILING_S = 10.0


def age_s(
    since_fork_s: float, cpu_s: float, queued_s: float, waits: int, *, has_run_others: bool
) -> float:
    """Return the seconds that this program has used, not the one that was in its place before `exec`.

    The kernel tells when a process was forked, not when it became this program: a shell that slept
    before its `exec` has an old one. What it tells besides is the CPU time, the time in the queue for
    a CPU, and how often the process has waited by itself. Only what that explains is counted, so that
    no clock that disagrees can end a pass that has time.
    """
    if cpu_s > CPU_CEILING_S:
        return CPU_CEILING_S
    busy_s = cpu_s + queued_s
    idle_s = since_fork_s - busy_s
    # A shell that has run a command waited for that.
    longest_idle_s = LONGEST_WAIT_S * (1 if has_run_others else 1 + waits)
    return busy_s if idle_s > longest_idle_s else max(busy_s, min(since_fork_s, CEILING_S))
