"""Compare a large flush with the sqlite3 shell doing the same in one transaction, side by side.

Run it by hand: `python tests/benchmarks/flush.py [ROWS] [ROUNDS]`. The figures to stay under: wall 1.3 and
CPU 1.5 times the shell's, no write lock over 50 ms, peak memory 24 MiB and within 2 MiB of that of
10,000 rows. The longest write lock is read from a separate run under strace, where there is one.
"""

import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from processes import ROOT, Cost, bangui, measure

RESERVED_BYTE = 0x40000001

YARDSTICK = """
PRAGMA cache_spill = OFF;
BEGIN IMMEDIATE;
INSERT INTO geo_cache (ip, country_code, country_name, asn, org, cached_at, last_seen)
SELECT ip, country_code, country_name, asn, org, resolved_at, '2026-06-01T00:00:00.000Z'
  FROM geo_cache_dirty WHERE true ORDER BY ip
ON CONFLICT (ip) DO UPDATE SET
  country_code = excluded.country_code, country_name = excluded.country_name, asn = excluded.asn,
  org = excluded.org, cached_at = excluded.cached_at, last_seen = excluded.last_seen
  WHERE (excluded.country_code IS NOT NULL) > (geo_cache.country_code IS NOT NULL)
     OR ((excluded.country_code IS NULL) = (geo_cache.country_code IS NULL)
         AND excluded.cached_at >= geo_cache.cached_at);
DELETE FROM geo_cache_dirty;
COMMIT;
"""
# The same addresses each time, all different, all over the range.
ENTRIES = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?),
               a (x) AS (SELECT (i * 2654435761) & 4294967295 FROM n)
SELECT printf('%d.%d.%d.%d', x >> 24, (x >> 16) & 255, (x >> 8) & 255, x & 255) AS ip,
       'DE', 'Germany', 'AS' || (x % 65000), 'Organisation ' || (x % 65000), ?
  FROM a ORDER BY ip
"""
WITHOUT_CHECKS = """
DROP TABLE geo_cache_dirty;
CREATE TABLE geo_cache_dirty (ip TEXT NOT NULL PRIMARY KEY, country_code TEXT, country_name TEXT, asn TEXT,
  org TEXT, resolved_at TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


def build(path: Path, rows: int, *, cached: bool, checks: bool) -> None:
    """Make a database with so many dirty rows, and as many older ones in the cache or none."""
    subprocess.run(
        [*bangui(), "init", "-q", "--database", str(path)], check=True, env={"PYTHONPATH": str(ROOT)}
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if not checks:
            connection.executescript(WITHOUT_CHECKS)
        connection.execute("BEGIN")
        connection.execute(f"INSERT INTO geo_cache_dirty {ENTRIES}", (rows, "2026-01-02T12:00:00.000Z"))
        if cached:
            connection.execute(
                f"INSERT INTO geo_cache (ip, country_code, country_name, asn, org, cached_at) {ENTRIES}",
                (rows, "2026-01-01T12:00:00.000Z"),
            )
        connection.execute("COMMIT")


def flush(path: Path) -> list[str]:
    """Return the command of one flush pass."""
    return [*bangui(), "flush", "--timeout", "10m", "--database", str(path)]


def compare(directory: Path, rows: int, rounds: int, *, cached: bool) -> None:
    """Flush with both by turns, on fresh copies, and print the median costs and their ratio."""
    templates = {checks: directory / f"template-{checks}.db" for checks in (True, False)}
    for checks, template in templates.items():
        build(template, rows, cached=cached, checks=checks)
    mine, bare = [], []
    copy = directory / "copy.db"
    for _ in range(rounds):
        shutil.copy(templates[True], copy)
        mine.append(measure(flush(copy)))
        shutil.copy(templates[False], copy)
        bare.append(measure(["sqlite3", "-batch", str(copy)], YARDSTICK))
    ours, theirs = (Cost(*map(statistics.median, zip(*costs, strict=True))) for costs in (mine, bare))
    name = f"{rows:,} rows into {'as many' if cached else 'none'}"
    print(
        f"{name:<32} wall {ours.wall_s:.2f} s / {theirs.wall_s:.2f} s = {ours.wall_s / theirs.wall_s:.2f}"
        f"  CPU {ours.cpu_s:.2f} s / {theirs.cpu_s:.2f} s = {ours.cpu_s / theirs.cpu_s:.2f}"
        f"  peak {ours.peak_mib:.1f} MiB"
    )
    if shutil.which("strace"):
        shutil.copy(templates[True], copy)
        trace = directory / "trace"
        measure([*strace(trace), *flush(copy)])
        print(f"{'':<32} longest write lock {longest_lock_ms(trace):.0f} ms")
    for path in (*templates.values(), copy):
        path.unlink()


def strace(trace: Path, *options: str) -> list[str]:
    """Return what traces the locks that SQLite takes and its waits for the disk."""
    what = ["-ttt", "-e", "trace=fcntl,fdatasync,fsync", *options]
    return ["strace", "-f", "--seccomp-bpf", *what, "-o", str(trace)]


def longest_lock_ms(trace: Path) -> float:
    """Return how long SQLite's RESERVED lock was held at most."""
    longest_s, since_s = 0.0, None
    for line in trace.read_text().splitlines():
        time_s = float(line.split()[1])
        if "F_WRLCK" in line and f"l_start={RESERVED_BYTE}" in line:
            since_s = time_s
        elif since_s and re.search(r"F_UNLCK", line):
            longest_s, since_s = max(longest_s, time_s - since_s), None
    return longest_s * 1000


def main(rows: int, rounds: int) -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        directory = Path(name)
        compare(directory, 10_000, rounds, cached=False)
        for cached in (False, True):
            compare(directory, rows, rounds, cached=cached)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [1_000_000, 3][len(numbers) :]))
