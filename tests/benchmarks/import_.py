"""Compare an import with `sqlite-utils upsert` of the same JSON lines, side by side.

Run it by hand on a disk: `python tests/benchmarks/import_.py [ROWS] [RUNS]`, 1,000,000 rows and 3 runs
of each by turns unless told otherwise. It prints the least wall and CPU time of each, for what else the
machine does only adds to them, the ratios and the peak memory; to reach: wall 4 x, CPU 1.5 x, 40 MiB.
Rows come in the order of their addresses and in random order.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bangui_cli.host import clocks

ROOT = Path(__file__).parents[2]
WALL_GOAL, CPU_GOAL, MEMORY_GOAL_MIB = 4.0, 1.5, 40.0


class Cost(NamedTuple):
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(command: list[str]) -> Cost:
    """Run a command, which must end well."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", "PYTHONPATH": str(ROOT)}
    began_s = clocks.monotonic_s()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    wall_s = clocks.monotonic_s() - began_s
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def lines(rows: int, *, in_order: bool) -> Iterator[str]:
    """Make rows as a resolver writes them: some hundred countries, some ten thousand networks."""
    chance = random.Random(1)
    networks = [(f"AS{chance.randrange(1, 400_000)}", f"Network {n} Ltd.") for n in range(20_000)]
    places = [(chr(65 + n % 26) + chr(65 + n // 26), f"Country {n}") for n in range(200)]
    for n in range(rows):
        bits = 0x0A000000 + n if in_order else chance.getrandbits(32)
        code, name = chance.choice(places)
        asn, org = networks[int(chance.random() ** 3 * len(networks))]
        moment = f"2026-01-{chance.randrange(1, 29):02}T{chance.randrange(24):02}:17:{n % 60:02}.{n % 1000:03}Z"
        ip = ".".join(str(bits >> shift & 255) for shift in (24, 16, 8, 0))
        row = {"ip": ip, "country_code": code, "country_name": name, "asn": asn, "org": org}
        yield json.dumps(row | {"resolved_at": moment}) + "\n"


def import_once(source: Path, database: Path) -> Cost:
    """Import into a new database."""
    database.unlink(missing_ok=True)
    bangui = [sys.executable, "-m", "bangui_cli"]
    measure([*bangui, "init", "-q", "--database", str(database)])
    return measure([*bangui, "import", str(source), "--database", str(database)])


def upsert_once(source: Path, database: Path) -> Cost:
    """Let sqlite-utils do it."""
    database.unlink(missing_ok=True)
    upsert = [sys.executable, "-m", "sqlite_utils", "upsert", str(database), "rows", str(source)]
    return measure([*upsert, "--nl", "--pk", "ip"])


def best(costs: Iterable[Cost]) -> Cost:
    """Return the least time of each kind, and the highest peak."""
    wall_s, cpu_s, peak_mib = zip(*costs, strict=True)
    return Cost(min(wall_s), min(cpu_s), max(peak_mib))


def compare(directory: Path, rows: int, runs: int, *, in_order: bool) -> bool:
    """Import by turns, print a line, and tell whether the goals are reached."""
    source = directory / "rows.jsonl"
    with source.open("w") as file:
        file.writelines(lines(rows, in_order=in_order))
    ours, yardstick = directory / "ours.db", directory / "yardstick.db"
    pairs = [(import_once(source, ours), upsert_once(source, yardstick)) for _ in range(runs)]
    mine, theirs = map(best, zip(*pairs, strict=True))
    wall, cpu = theirs.wall_s / mine.wall_s, theirs.cpu_s / mine.cpu_s
    print(
        f"{'in order' if in_order else 'at random':<9} wall {mine.wall_s:6.2f} s ({wall:4.1f} x faster)"
        f"  CPU {mine.cpu_s:6.2f} s ({cpu:4.1f} x)  peak {mine.peak_mib:4.1f} MiB",
        flush=True,
    )
    return wall >= WALL_GOAL and cpu >= CPU_GOAL and mine.peak_mib <= MEMORY_GOAL_MIB


def main(rows: int, runs: int) -> int:
    """Compare both orders; return 1 where a goal is missed."""
    print(f"{rows:,} rows; to reach: wall {WALL_GOAL} x, CPU {CPU_GOAL} x, {MEMORY_GOAL_MIB} MiB")
    reached = []
    for in_order in (True, False):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
            reached.append(compare(Path(directory), rows, runs, in_order=in_order))
    return 0 if all(reached) else 1


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(arguments + [1_000_000, 3][len(arguments) :])))
