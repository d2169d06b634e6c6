"""Compare a large prune with the sqlite3 shell doing the same in one transaction, side by side.

Run it by hand: `python tests/benchmarks/prune.py [ROWS] [ROUNDS]`: so many cached addresses, half of them
old, and as many bans. The figures to stay under: wall and CPU 1.5 times the shell's, no write lock over
50 ms (read from a run of its own under strace), peak memory 24 MiB.
"""

import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from flush import longest_lock_ms as longest_of
from processes import ROOT, Cost, bangui, measure

OLD, NEW = "2026-01-01T00:00:00.000Z", "2126-01-01T00:00:00.000Z"
LIMIT = "2026-06-01T00:00:00.000Z"
CACHED = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?),
               a (i, x) AS (SELECT i, (i * 2654435761) & 4294967295 FROM n)
INSERT INTO geo_cache
SELECT printf('%d.%d.%d.%d', x >> 24, (x >> 16) & 255, (x >> 8) & 255, x & 255) AS ip,
       'DE', 'Germany', 'AS' || (x % 65000), 'Organisation ' || (x % 65000), t, t
  FROM (SELECT x, iif(i % 2, ?, ?) AS t FROM a) ORDER BY ip"""
# Of a fifth of the addresses, all of them seen lately.
BANS = """
WITH RECURSIVE
     known (number, ip) AS (SELECT row_number() OVER () - 1, ip FROM geo_cache
                             WHERE cached_at > ? LIMIT max(? / 5, 1)),
     n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
INSERT INTO ban_history
SELECT 'web1', 'sshd', ip, strftime('%Y-%m-%dT%H:%M:%fZ', 1788000000 + i, 'unixepoch'), 600, 1, 5
  FROM n JOIN known ON number = i % (SELECT count(*) FROM known)"""
YARDSTICK = f"""
PRAGMA cache_spill = OFF;
BEGIN IMMEDIATE;
DELETE FROM geo_cache
 WHERE coalesce(last_seen, cached_at) < '{LIMIT}' AND cached_at < '{LIMIT}'
   AND NOT EXISTS (SELECT 1 FROM geo_cache_dirty AS dirty WHERE dirty.ip = geo_cache.ip)
   AND NOT EXISTS (SELECT 1 FROM ban_history AS ban WHERE ban.ip = geo_cache.ip);
COMMIT;
"""


def build(path: Path, rows: int) -> None:
    """Make a database with so many cached addresses and bans."""
    environment = {"PYTHONPATH": str(ROOT)}
    subprocess.run([*bangui(), "init", "-q", "--database", str(path)], check=True, env=environment)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(CACHED, (rows, OLD, NEW))
        connection.execute(BANS, (LIMIT, rows, rows))


def prune(path: Path) -> list[str]:
    """Return the command of one prune."""
    ages = ["--cache-age", "150d", "--history-age", "never"]
    return [*bangui(), "prune", "--timeout", "10m", *ages, "--database", str(path)]


def main(rows: int, rounds: int) -> None:
    """Prune with both by turns, on fresh copies, and print the median costs and their ratio."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        template, copy = Path(name) / "template.db", Path(name) / "copy.db"
        build(template, rows)
        mine, bare = [], []
        for _ in range(rounds):
            shutil.copy(template, copy)
            mine.append(measure(prune(copy)))
            shutil.copy(template, copy)
            bare.append(measure(["sqlite3", "-batch", str(copy)], YARDSTICK))
        ours, theirs = (
            Cost(*map(statistics.median, zip(*costs, strict=True))) for costs in (mine, bare)
        )
        print(
            f"{rows // 2:,} of {rows:,} rows  wall {ours.wall_s:.2f} s / {theirs.wall_s:.2f} s = "
            f"{ours.wall_s / theirs.wall_s:.2f}  CPU {ours.cpu_s:.2f} s / {theirs.cpu_s:.2f} s = "
            f"{ours.cpu_s / theirs.cpu_s:.2f}  peak {ours.peak_mib:.1f} MiB"
        )
        if shutil.which("strace"):
            shutil.copy(template, copy)
            print(f"longest write lock {longest_of(prune(copy), Path(name) / 'trace'):.0f} ms")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [1_000_000, 3][len(numbers) :]))
