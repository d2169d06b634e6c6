"""Compare what a job's process costs with a bare script that runs the same SQL, side by side.

The script imports click and sqlite3, and says to SQLite what the job was heard to say, word for word.
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
# Runs bangui, and prints what it says to SQLite; what a pragma asks by itself comes as a comment.
RECORD = """
import sqlite3
connect = sqlite3.connect

def connect_and_listen(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.set_trace_callback(lambda statement: statement.startswith("--") or print(statement, end="\\0"))
    return connection

sqlite3.connect = connect_and_listen
from bangui_cli.cli.main import run
run()
"""
# Says just that, and nothing else.
SAME_SQL = """
import sys, click, sqlite3
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in {statements!r}:
    connection.execute(statement).fetchall()
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


def same_sql(directory: str, name: str, job: list[str]) -> str:
    """Write a script that says to SQLite what a job says, and return its path."""
    said = subprocess.run(
        [sys.executable, "-c", RECORD, *job],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    statements = said.stdout.split("\0")[:-1]
    assert statements, said
    script = Path(directory, f"{name}.py")
    script.write_text(SAME_SQL.format(statements=statements))
    return str(script)


def main(runs: int) -> int:
    """Compare everything that has a figure; return 1 where one is missed."""
    python = [sys.executable]
    bangui = [*python, "-c", "from bangui_cli.cli.main import run; run()"]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        mine, bare = f"{directory}/mine.db", f"{directory}/bare.db"
        for path in (mine, bare):
            for command in ("init", "heartbeat", "flush"):
                subprocess.run(
                    [*bangui, command, "-q", "--database", path, "--instance", "web1"],
                    check=True,
                    env={"PYTHONPATH": str(ROOT)},
                )
        ours = ["--database", mine, "--instance", "web1"]
        jobs = {
            "heartbeat": ["heartbeat", *ours],
            "empty flush": ["flush", *ours],
            "held pass": ["flush", "--database", mine, "--instance", "web2", "--held-ok"],
        }
        kept = [
            compare(name, [*bangui, *job], [*python, same_sql(directory, name, job), bare],
                    JOB_LIMIT, runs)
            for name, job in jobs.items()
        ] + [
            compare("--help", [*bangui, "--help"], [*python, "-c", CLICK], HELP_LIMIT, runs),
            compare("--version", [*bangui, "--version"], [*python, "-c", CLICK], HELP_LIMIT, runs),
        ]  # fmt: skip
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
