"""Compare a large prune with the sqlite3 shell doing the same in one transaction, side by side.

Run it by hand: `python tests/benchmarks/prune.py [ROWS] [ROUNDS]`: so many cached addresses, half of them
old, and as many bans. The figures to stay under: wall and CPU 1.5 times the shell's, no write lock over
50 ms, peak memory 24 MiB. Under strace, where there is one, locks and syncs are seen, and how both do
where each sync takes 3 ms longer.
"""

import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from flush import longest_lock_ms, strace
from processes import ROOT, Cost, bangui, measure

OLD, NEW = "2026-01-01T00:00:00.000Z", "2126-01-01T00:00:00.000Z"
SLOW_DISK_MS = 3
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


def renew(copy: Path, template: Path) -> None:
    """Make a fresh copy, which is on the disk: neither pays for that."""
    shutil.copy(template, copy)
    with copy.open("rb") as file:
        os.fsync(file.fileno())


def compare(template: Path, copy: Path, rounds: int, *under: str) -> tuple[Cost, Cost]:
    """Prune with both by turns, and return the median costs of bangui and of the shell."""
    commands = [(prune(copy), None), (["sqlite3", "-batch", str(copy)], YARDSTICK)]
    costs: list[list[Cost]] = [[], []]
    for _ in range(rounds):
        for (command, text), found in zip(commands, costs, strict=True):
            renew(copy, template)
            found.append(measure([*under, *command], text))
    ours, theirs = (Cost(*map(statistics.median, zip(*found, strict=True))) for found in costs)
    return ours, theirs


def slower(delay_ms: int) -> tuple[str, ...]:
    """Return what makes strace delay each sync."""
    return ("-e", f"inject=fdatasync,fsync:delay_enter={delay_ms * 1000}") if delay_ms else ()


def look_closer(template: Path, copy: Path, trace: Path, delay_ms: int) -> None:
    """Print how bangui holds the lock and waits for the disk."""
    renew(copy, template)
    measure([*strace(trace, *slower(delay_ms)), *prune(copy)])
    syncs = sum("sync(" in line for line in trace.read_text().splitlines())
    print(f"  {syncs} syncs, longest write lock {longest_lock_ms(trace):.0f} ms")


def main(rows: int, rounds: int) -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        template, copy, trace = (Path(name) / each for each in ("template.db", "copy.db", "trace"))
        build(template, rows)
        ours, theirs = compare(template, copy, rounds)
        print(f"{rows // 2:,} of {rows:,} rows  {told('wall', ours.wall_s, theirs.wall_s)}")
        print(f"  {told('CPU', ours.cpu_s, theirs.cpu_s)}  peak {ours.peak_mib:.1f} MiB")
        if not shutil.which("strace"):
            return
        look_closer(template, copy, trace, 0)
        ours, theirs = compare(template, copy, rounds, *strace(trace, *slower(SLOW_DISK_MS)))
        print(f"each sync {SLOW_DISK_MS} ms longer  {told('wall', ours.wall_s, theirs.wall_s)}")
        look_closer(template, copy, trace, SLOW_DISK_MS)


def told(name: str, ours_s: float, theirs_s: float) -> str:
    """Return two times and their ratio."""
    return f"{name} {ours_s:.2f} s / {theirs_s:.2f} s = {ours_s / theirs_s:.2f}"


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [1_000_000, 3][len(numbers) :]))
