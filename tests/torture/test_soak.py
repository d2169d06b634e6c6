"""A database that lives for weeks stays small."""

import random
import time

import pytest
import soak
from workload import add_command, make_entries

pytestmark = pytest.mark.torture

SECONDS = 45


@pytest.mark.parametrize(("weeks", "wal"), [(2, False), (1, True)], ids=["delete", "wal"])
def test_simulated_weeks_leave_nothing_behind(weeks, wal):
    """With crashes, reboots, clock steps and takeovers; `tests/soak.py` takes any number of weeks."""
    soak.run(weeks, wal=wal)


def test_real_runs_leave_nothing_behind(bangui):
    """Hundreds of runs and kills later the directory is as small as after the first."""
    chance, entries, sizes = random.Random(1), make_entries(200), []
    ends_s = time.monotonic() + SECONDS
    while time.monotonic() < ends_s:
        process = bangui.start("flush")
        time.sleep(chance.uniform(0.0, 0.1))
        process.kill()
        bangui.end(process)
        for command in (add_command(chance.choice(entries)), ["flush"], ["heartbeat"]):
            assert bangui.run(*command) == (0, "", "")
        sizes.append(sum(path.stat().st_size for path in bangui.home.iterdir()))
    half = len(sizes) // 2
    print(f"{4 * len(sizes)} runs, a quarter killed: at most {max(sizes)} bytes")

    assert [bangui.database] == list(bangui.home.iterdir())
    assert max(sizes[half:]) < 1.5 * max(sizes[:half])
