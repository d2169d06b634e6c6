"""What a process costs: alone, or by turns with its yardstick, which says what it was heard to say."""

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
# What is run of it before the caches are warm.
WARM_UP_RUNS = 2


class Cost(NamedTuple):
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def bangui() -> list[str]:
    """Return the command, as the installed script runs it."""
    return [sys.executable, "-c", "from bangui_cli.cli.main import run; run()"]


def measure(command: list[str], text: str | None = None) -> Cost:
    """Run a command to its good end."""
    began_s = time.monotonic()
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True)
    assert process.stdin
    process.stdin.write(text or "")
    process.stdin.close()
    peak_kib = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        peak_kib = max(peak_kib, high_water_kib(process.pid))
        time.sleep(0.01)
    wall_s = time.monotonic() - began_s
    return Cost(wall_s, cpu_s(process), peak_kib / 1024)


def cpu_s(process: subprocess.Popen[str]) -> float:
    """Wait for a process, which must end well, and return the CPU time that it took."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.args
    return usage.ru_utime + usage.ru_stime


def high_water_kib(pid: int) -> int:
    """Return a process's peak memory so far; what wait4 tells counts this process's own before exec."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) if found else 0


def compare(name: str, ours: list[str], yardstick: list[str], limit: float, runs: int) -> bool:
    """Run both by turns, print a line, and tell whether the CPU time keeps the limit.

    The median of the pairs' ratios counts: a pair shares the speed that the machine has at that moment.
    """
    pairs = [(short_cpu_s(ours), short_cpu_s(yardstick)) for _ in range(runs + WARM_UP_RUNS)]
    pairs = pairs[WARM_UP_RUNS:]
    mine, bare = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    ratio = statistics.median(ours_s / bare_s for ours_s, bare_s in pairs)
    print(f"{name:<16} {mine:6.1f} ms  yardstick {bare:6.1f} ms  ratio {ratio:.3f}  (limit {limit})")
    return ratio <= limit


def short_cpu_s(command: list[str]) -> float:
    """Return the CPU time of a command that is over before anybody could look at it."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", "PYTHONPATH": str(ROOT)}
    return cpu_s(
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd="/", text=True)
    )


def same_words(script: Path, template: str, record: str, arguments: Sequence[str]) -> str:
    """Write a script that says to its database what a job says, and return its path.

    `record` runs bangui and prints each statement with a NUL behind it; `template` has a place for the
    list of them.
    """
    said = subprocess.run(
        [sys.executable, "-c", record, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    words = said.stdout.split("\0")[:-1]
    assert words, said
    script.write_text(template.format(words=words))
    return str(script)
