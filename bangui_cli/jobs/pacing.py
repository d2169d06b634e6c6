"""Size the batches of a sweep, so that other writers get in: pure arithmetic."""

FIRST_BATCH_ROWS = 1000
FEWEST_ROWS = 50
TARGET_HOLD_S = 0.02
# SQLite's busy handler sleeps up to 0.1 s between tries: only a longer rest is sure to let it in.
REST_S = 0.11
SWEEP_BETWEEN_RESTS_S = 1.8


def next_batch_rows(rows: int, held_s: float, most_rows: int) -> int:
    """Return the size that would have held the write lock for 20 ms, at most twice the last one."""
    fitting = int(rows * TARGET_HOLD_S / max(held_s, 1e-6))
    wanted = min(max(fitting, rows // 4), rows * 2)
    return max(min(wanted, most_rows), min(FEWEST_ROWS, most_rows))
