"""Set `bangui report --history` against the sqlite3 shell's join, and tell what a flush meets meanwhile.

    python tests/benchmarks/report.py [BANS] [ROUNDS]

1,000,000 bans of 200,000 addresses by default, nine in ten of which are cached, and some dirty.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

from processes import ROOT, Cost, bangui, measure

YARDSTICK = """
SELECT cached.country_code, count(*) FROM ban_history AS ban
  LEFT JOIN geo_cache AS cached ON cached.ip = ban.ip GROUP BY 1;"""
ORIGINS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :addresses),
               a (i, x) AS (SELECT i, (i * 2654435761) & 4294967295 FROM n)
INSERT INTO {table}
SELECT printf('%d.%d.%d.%d', x >> 24, (x >> 16) & 255, (x >> 8) & 255, x & 255) AS ip,
       char(65 + x % 16, 65 + (x >> 8) % 15), 'Country ' || (x % 240), 'AS' || (x % 30000),
       'Organisation ' || (x % 30000), '2026-01-01T00:00:00.000Z' {more}
  FROM a WHERE {some} ORDER BY ip"""
BANS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :bans),
               a (i, x) AS (SELECT i, ((1 + i * 7919 % :addresses) * 2654435761) & 4294967295 FROM n)
INSERT INTO ban_history (instance, jail, ip, banned_at, bantime_s, bancount, failures)
SELECT 'web' || (i % 3), 'jail' || (i % 4), printf('%d.%d.%d.%d', x >> 24, (x >> 16) & 255, (x >> 8) & 255, x & 255),
       strftime('%Y-%m-%dT%H:%M:%S.000Z', 1735689600 + i * 31536000.0 / :bans, 'unixepoch'), 600, 1, 5 FROM a"""
KEYS = ("country", "asn", "org", "jail", "instance", "ip", "hour", "month")


def build(path: Path, bans: int) -> None:
    """Make a database with a year of bans."""
    subprocess.run([*bangui(), "init", "-q", "-d", str(path)], check=True, env={"PYTHONPATH": str(ROOT)})
    asked = {"bans": bans, "addresses": max(1, bans // 5)}
    with closing(connect(path)) as connection:
        cached = ORIGINS.format(table="geo_cache", more=", NULL", some="i % 10 > 0")
        connection.execute(cached, asked)
        connection.execute(ORIGINS.format(table="geo_cache_dirty", more="", some="i % 10 < 2"), asked)
        connection.execute(BANS, asked)
        connection.commit()


def report(path: Path, by: str, *options: str) -> list[str]:
    """Return the command of one report."""
    return [*bangui(), "report", "--history", "--by", by, "--json", *options, "-d", str(path)]


def median(command: list[str], rounds: int, text: str | None = None) -> Cost:
    """Measure a command some times."""
    silent = ["sh", "-c", 'exec "$@" > /dev/null', "-", *command]
    costs = [measure(silent, text) for _ in range(rounds)]
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def flush_s(path: Path, *, beside_reports: bool) -> float:
    """Flush a copy, perhaps while reports are read one after the other; return the seconds of the pass."""
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = 'while :; do "$@" > /dev/null; done' if beside_reports else ":"
    reports = subprocess.Popen(
        ["sh", "-c", command, "-", *report(copy, "country")], env=environment, start_new_session=True
    )
    try:
        flush = [*bangui(), "flush", "--json", "--timeout", "10m", "-d", str(copy)]
        flushed = subprocess.run(flush, env=environment, stdout=subprocess.PIPE, check=True)
    finally:
        if beside_reports:
            os.killpg(reports.pid, signal.SIGKILL)
        reports.wait()
    return float(json.loads(flushed.stdout)["duration_s"])


def main(bans: int, rounds: int) -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        path = Path(name) / "bangui.db"
        build(path, bans)
        theirs = median(["sqlite3", "-batch", str(path)], rounds, YARDSTICK)
        print(f"{bans:,} bans; the shell's join: CPU {theirs.cpu_s:.2f} s, {theirs.peak_mib:.1f} MiB")
        for by in KEYS:
            ours = median(report(path, by), rounds)
            ratio = ours.cpu_s / theirs.cpu_s
            print(f"by {by:<9} CPU {ours.cpu_s:.2f} s = {ratio:.2f}  peak {ours.peak_mib:.1f} MiB")
        alone_s, beside_s = (flush_s(path, beside_reports=beside) for beside in (False, True))
        print(f"a flush of {bans // 25:,} rows: alone {alone_s:.2f} s, beside reports {beside_s:.2f} s")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [1_000_000, 3][len(numbers) :]))
