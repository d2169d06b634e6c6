"""Compare what a job's process costs with a bare script that runs the same SQL, side by side.

The script imports click and sqlite3, and says to SQLite what the job was heard to say, word for word.
Run it by hand: `python tests/benchmarks/start_up.py [RUNS]`. The CPU time is to stay under
1.15 times the script's for the jobs, and 1.2 for --help and --version.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from processes import ROOT, bangui, compare, same_words

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
for statement in {words!r}:
    connection.execute(statement).fetchall()
connection.close()
"""


def same_sql(directory: str, name: str, job: list[str]) -> str:
    """Write a script that says to SQLite what a job says, and return its path."""
    return same_words(Path(directory, f"{name}.py"), SAME_SQL, RECORD, job)


def main(runs: int) -> int:
    """Compare everything that has a figure; return 1 where one is missed."""
    python = [sys.executable]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        mine, bare = f"{directory}/mine.db", f"{directory}/bare.db"
        for path in (mine, bare):
            for command in ("init", "heartbeat", "flush"):
                subprocess.run(
                    [*bangui(), command, "-q", "--database", path, "--instance", "web1"],
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
            compare(name, [*bangui(), *job], [*python, same_sql(directory, name, job), bare],
                    JOB_LIMIT, runs)
            for name, job in jobs.items()
        ] + [
            compare("--help", [*bangui(), "--help"], [*python, "-c", CLICK], HELP_LIMIT, runs),
            compare("--version", [*bangui(), "--version"], [*python, "-c", CLICK], HELP_LIMIT, runs),
        ]  # fmt: skip
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
