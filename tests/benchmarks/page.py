"""Compare the page and the metrics of a history with the sqlite3 shell's join, on a million bans.

Run it by hand: `python tests/benchmarks/page.py [BANS] [RUNS]`. The bans are of a fifth as many addresses,
and of 56 days; the page is made of them all, and of the last 28 days, which it compares with those before.
It prints the median CPU of each, its ratio to the shell's, and the most memory that a process took.
"""

import multiprocessing
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bangui_cli.rules import timestamps  # noqa: E402
from bangui_cli.store import initialise  # noqa: E402

DAYS, UNTIL_S = 56, 1_790_000_000.0
JOIN = """
SELECT cached.country_code, count(*) FROM ban_history AS ban LEFT JOIN geo_cache AS cached ON cached.ip = ban.ip
 GROUP BY 1"""
REPORT = ["report", "--history", "--until", timestamps.to_text(UNTIL_S)]
LAST_HALF = ["--since", timestamps.to_text(UNTIL_S - DAYS / 2 * 86400)]
LIMITS = {
    "page": ([*REPORT, "--format", "html"], 6.0),
    "page of the last half": ([*REPORT, *LAST_HALF, "--format", "html"], 6.0),
    "metrics": ([*REPORT, "--format", "prometheus"], 6.0),
}
MOST_MIB = 64


def fill(path: Path, bans: int, chance: random.Random) -> None:
    """Write a history, and a cache that knows nearly all of its addresses."""
    initialise(str(path), journal_mode=None, force=False)
    ips = sorted({_address(chance) for _ in range(bans // 5)})
    codes = [a + b for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for b in "ABCDEFGH"]
    numbers = [int(chance.paretovariate(0.7)) % 60_000 for _ in ips]
    cache = [
        (
            ip,
            (code := chance.choice(codes)),
            f"Country of {code}",
            f"AS{number}",
            f"Organisation {number}",
        )
        for ip, number in zip(ips, numbers, strict=True)
        if number % 50
    ]
    history = sorted(
        (timestamps.to_text(UNTIL_S - chance.randrange(1, DAYS * 86400)), f"web{chance.randrange(3)}",
         chance.choice(("sshd", "postfix", "nginx", "dovecot", "recidive")), chance.choice(ips))
        for _ in range(bans)
    )  # fmt: skip
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany("INSERT INTO geo_cache VALUES (?, ?, ?, ?, ?, '2026-01-01', NULL)", cache)
        connection.executemany(
            "INSERT OR IGNORE INTO ban_history (banned_at, instance, jail, ip, bantime_s, bancount)"
            " VALUES (?, ?, ?, ?, 600, 1)",
            history,
        )
    connection.close()


def _address(chance: random.Random) -> str:
    if chance.random() < 0.1:
        return f"2001:{chance.randrange(1, 65536):x}:{chance.randrange(1, 65536):x}::{chance.randrange(1, 65536):x}"
    return ".".join(str(chance.randrange(1, 224)) for _ in range(4))


def measure(command: list[str]) -> tuple[float, float]:
    """Return the CPU seconds of a process that must end well, and the MiB that it took at most."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main(bans: int, runs: int) -> int:
    """Compare by turns; return 1 where a figure is missed."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        path = Path(directory) / "bangui.db"
        # A process that has filled a list of a million rows would pass its peak on to those it starts.
        filler = multiprocessing.Process(target=fill, args=(path, bans, random.Random(1)))
        filler.start()
        filler.join()
        shell = [measure(["sqlite3", str(path), JOIN])[0] for _ in range(runs)]
        missed = 0
        for name, (words, limit) in LIMITS.items():
            command = [sys.executable, "-m", "bangui_cli", *words, "-d", str(path)]
            taken = [measure(command) for _ in range(runs)]
            ratio = statistics.median(cpu_s for cpu_s, _ in taken) / statistics.median(shell)
            most_mib = max(mib for _, mib in taken)
            print(f"{name}: {ratio:.2f} x the shell (aim {limit}), {most_mib:.0f} MiB (aim {MOST_MIB})")
            missed += ratio > limit or most_mib > MOST_MIB
    return int(missed > 0)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*[*numbers, *(1_000_000, 5)[len(numbers) :]]))
