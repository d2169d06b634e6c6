"""Runs that die by `kill -9`: at a random moment, or at their n-th write."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from invariants import check_run
from workload import STORE_CALLS, count_calls, strace

# How long after a first sign of work a run may live on.
LONGEST_S = 0.1
PAUSE_S = 0.002
# Now and then a run dies before it has done anything.
GOES_ON_WAITING = 0.995


def killed(
    process: subprocess.Popen[str],
    chance: random.Random,
    progress: Callable[[], Any],
    longest_s: float = LONGEST_S,
) -> bool:
    """Kill a run, mostly once `progress` has moved; return whether it had not ended before."""
    before = progress()
    while chance.random() < GOES_ON_WAITING and process.poll() is None and progress() == before:
        time.sleep(PAUSE_S)
    time.sleep(chance.uniform(0.0, longest_s))
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def killed_at_call(bangui: Any, number: int, *arguments: object) -> bool:
    """Run a command that dies at its n-th write or sync; return whether it got that far."""
    inject = f"inject={STORE_CALLS}:signal=KILL:when={number}"
    ended = bangui.run(*arguments, under=strace("-e", f"trace={STORE_CALLS}", "-e", inject))
    if ended.code == -signal.SIGKILL:
        return True
    check_run(ended.code, ended.stderr)
    assert ended.code == 0, ended
    return False


def count_writes(bangui: Any, *arguments: object) -> int:
    """Run a command to its end; return how often it wrote or synced."""
    return count_calls(bangui.command(*arguments), env=bangui.environment)
