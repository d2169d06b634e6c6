"""A database that lives for weeks stays small."""

import random
import time

import pytest
import soak
from invariants import Ledger, check_database
from workload import add_command, make_entries

pytestmark = pytest.mark.torture

SECONDS = 30


@pytest.mark.parametrize(("weeks", "wal"), [(2, False), (1, True)], ids=["delete", "wal"])
def test_simulated_weeks_leave_nothing_behind(weeks, wal):
    """With crashes, reboots, clock steps and takeovers; `tests/torture/soak.py` takes any number of weeks."""
    soak.run(weeks, wal=wal)


def test_real_runs_leave_nothing_behind(bangui):
    """Hundreds of runs and kills of three instances later the directory is as small as at first."""
    chance, ledger, sizes = random.Random(1), Ledger(), []
    ends_s = time.monotonic() + SECONDS
    while time.monotonic() < ends_s:
        instance = {"BANGUI_INSTANCE": chance.choice(("web1", "web2", "web3"))}
        entry = chance.choice(make_entries(200, generation=len(sizes)))
        process = bangui.start("flush", env=instance)
        time.sleep(chance.uniform(0.0, 0.1))
        process.kill()
        bangui.end(process)
        for command in (add_command(entry), ["flush"], ["heartbeat"]):
            assert bangui.run(*command, env=instance) == (0, "", "")
        bangui.ok("lock", "release", env=instance)
        ledger.acknowledge([entry])
        sizes.append(sum(path.stat().st_size for path in bangui.home.iterdir()))
    check_database(bangui.database, ledger)
    half = len(sizes) // 2
    print(f"{5 * len(sizes)} runs, a fifth killed: at most {max(sizes)} bytes")

    assert [bangui.database] == list(bangui.home.iterdir())
    assert max(sizes[half:]) < 1.5 * max(sizes[:half])
