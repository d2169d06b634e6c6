"""Compare what a job's process costs with a bare script that runs the same SQL, side by side.

Run it by hand: `python tests/benchmarks/start_up.py [RUNS]`. It prints the median CPU time of each and
the median of the pairs' ratios, for a pair shares the speed that the machine has at that moment; to
stay under: 1.15 for the jobs and 1.2 for --help and --version.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
JOB_LIMIT, HELP_LIMIT = 1.15, 1.2

CLICK = "import click"
# What a heartbeat or an empty flush says to SQLite, and nothing else.
SAME_SQL = """
import sys, click, sqlite3
held = sys.argv[2] == "held"
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = 'bangui'").fetchall()
row = connection.execute("SELECT * FROM scheduler_lock WHERE id = 1").fetchone()
if held:
    connection.execute("ROLLBACK")
else:
    connection.execute(
        "UPDATE scheduler_lock SET heartbeat_at = ?, heartbeat_written = ?, heartbeat_boottime = ?",
        (row[4] + 0.001, row[4] + 0.001, row[-2]),
    )
    connection.execute(
        "UPDATE job_state SET last_started_at = ?, runs_total = runs_total + 1 WHERE job_id = ?",
        ("2026-01-01T00:00:00.000Z", sys.argv[2]),
    )
    connection.execute("SELECT 1 FROM geo_cache_dirty LIMIT 1").fetchone()
    connection.execute(
        "UPDATE job_state SET last_finished_at = ?, last_duration_s = ? WHERE job_id = ?",
        ("2026-01-01T00:00:00.000Z", 0.01, sys.argv[2]),
    )
    connection.execute("COMMIT")
connection.close()
"""


def cpu_ms(command: list[str], environment: dict[str, str]) -> float:
    """Run a command and return the CPU time of its process, which must end well."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd="/")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return (usage.ru_utime + usage.ru_stime) * 1000


def compare(name: str, ours: list[str], yardstick: list[str], limit: float, runs: int) -> bool:
    """Run both by turns, print a line, and tell whether the ratio keeps the limit."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", "PYTHONPATH": str(ROOT)}
    pairs = [(cpu_ms(ours, environment), cpu_ms(yardstick, environment)) for _ in range(runs + 2)]
    mine, bare = (statistics.median(column) for column in zip(*pairs[2:], strict=True))
    ratio = statistics.median(ours_ms / bare_ms for ours_ms, bare_ms in pairs[2:])
    print(f"{name:<16} {mine:6.1f} ms  yardstick {bare:6.1f} ms  ratio {ratio:.2f}  (limit {limit})")
    return ratio <= limit


def main(runs: int) -> int:
    """Compare everything that has a figure; return 1 where one is missed."""
    python = [sys.executable]
    bangui = [*python, "-c", "from bangui_cli.cli.main import run; run()"]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        mine, bare = f"{directory}/mine.db", f"{directory}/bare.db"
        script = Path(directory, "same_sql.py")
        script.write_text(SAME_SQL)
        same_sql = [*python, str(script), bare]
        for path in (mine, bare):
            for command in ("init", "heartbeat", "flush"):
                subprocess.run(
                    [*bangui, command, "-q", "--database", path, "--instance", "web1"],
                    check=True,
                    env={"PYTHONPATH": str(ROOT)},
                )
        ours = ["--database", mine, "--instance", "web1"]
        held = ["--database", mine, "--instance", "web2", "--held-ok"]
        kept = [
            compare("heartbeat", [*bangui, "heartbeat", *ours],
                    [*same_sql, "scheduler_lock_heartbeat"], JOB_LIMIT, runs),
            compare("empty flush", [*bangui, "flush", *ours],
                    [*same_sql, "geo_cache_flush"], JOB_LIMIT, runs),
            compare("held pass", [*bangui, "flush", *held], [*same_sql, "held"], JOB_LIMIT, runs),
            compare("--help", [*bangui, "--help"], [*python, "-c", CLICK], HELP_LIMIT, runs),
            compare("--version", [*bangui, "--version"], [*python, "-c", CLICK], HELP_LIMIT, runs),
        ]  # fmt: skip
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
