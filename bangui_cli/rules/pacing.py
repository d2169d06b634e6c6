"""Size batches so that other writers get in: pure arithmetic."""

FIRST_BATCH_ROWS = 1000
FEWEST_ROWS = 50
# A flush of a file: the write lock is never held over 50 ms.
TARGET_HOLD_S = 0.02
# A commit waits for the disk, for few rows as long as for many: smaller batches would only wait more.
LEAST_WORK_S = 0.01
# Where it waits longer, a batch works as long as that, so that half of a sweep is work; up to this in
# all, as the next commit may take longer.
LONGEST_HOLD_S = 0.032
# A prune of the cache has less to do for a row than a flush. More would take memory, for each page once.
FIRST_PRUNED_ROWS, MOST_PRUNED_ROWS = 4_000, 40_000
# An import: the write lock is held 0.5 s at most; the next time the disk may be slower, and the thread
# that reads may want more of the interpreter.
STAGING_TARGET_HOLD_S = 0.12
# A sweep without a pause would starve other writers; how long it has to be, the engine says.
SWEEP_BETWEEN_RESTS_S = 1.8


def next_batch_rows(
    rows: int,
    work_s: float,
    most_rows: int,
    target_hold_s: float = TARGET_HOLD_S,
    *,
    commit_s: float = 0.0,
) -> int:
    """Return the size that would have held the write lock for the target, at most twice the last one."""
    amortising_s = min(commit_s, LONGEST_HOLD_S - commit_s)
    wanted_s = max(target_hold_s - commit_s, amortising_s, LEAST_WORK_S)
    fitting = int(rows * wanted_s / max(work_s, 1e-6))
    wanted = min(max(fitting, rows // 4), rows * 2)
    return max(min(wanted, most_rows), min(FEWEST_ROWS, most_rows))
