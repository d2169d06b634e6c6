"""Neither a step of the wall clock nor a reboot steals a live lock, keeps a dead one, or loses a row."""

import itertools
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from invariants import Ledger, check_database, check_run
from workload import make_entries, needs_root, stage

pytestmark = pytest.mark.torture

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
HOUR_S, YEAR_S = 3600, 365 * 86400
STEPS = {"+1 h": "+3600", "-1 h": "-3600", "1970": "@1970-01-02 00:00:00", "+10 years": "+10y"}
# What libfaketime does to a process that sleeps is worse than a wrong wall clock.
STEPPED_CLOCK = """
import time
real = time.time
def stepped():
    with open({path!r}) as file:
        return real() + float(file.read() or 0)
time.time = stepped
"""


@pytest.mark.skipif(not LIBRARIES, reason="libfaketime is not installed")
@pytest.mark.parametrize("step", STEPS)
def test_a_clock_that_was_stepped_between_two_runs_changes_no_verdict(bangui, step):
    """The holder goes on with its lease, the other is held, and the dirty rows find their way."""
    stepped = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME": STEPS[step],
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    entries = make_entries(100)
    stage(bangui.database, entries)
    lease_id = bangui.ok("heartbeat", "--json").json["lock"]["lease_id"]
    other = bangui.run("heartbeat", "--instance", "web2", env=stepped)
    flushed = bangui.ok("flush", "--json", env=stepped).json
    back = bangui.ok("heartbeat", "--json").json

    assert other.code == 75
    assert (flushed["flushed"], flushed["lock"]["lease_id"]) == (100, lease_id)
    assert (back["lock"]["outcome"], back["lock"]["lease_id"]) == ("refreshed", lease_id)
    check_database(bangui.database, Ledger(entries))


def test_a_clock_that_is_stepped_during_runs_changes_no_verdict(bangui):
    """While the wall clock jumps every few milliseconds, the holder flushes and the other is held."""
    offset, over = bangui.home / "offset", threading.Event()
    offset.write_text("0")
    (bangui.home / "sitecustomize.py").write_text(STEPPED_CLOCK.format(path=str(offset)))
    bangui.environment["PYTHONPATH"] = str(bangui.home)
    entries = make_entries(30_000)
    stage(bangui.database, entries)
    bangui.ok("heartbeat")

    def step():
        for offset_s in itertools.cycle([HOUR_S, -HOUR_S, -50 * YEAR_S, 10 * YEAR_S, 0]):
            offset.write_text(str(offset_s))
            if over.wait(0.005):
                return

    thread = threading.Thread(target=step)
    thread.start()
    try:
        flush = bangui.start("flush", "--batch-size", 100, "--json")
        codes = set()
        while flush.poll() is None:
            other = bangui.run("heartbeat", "--instance", "web2")
            check_run(other.code, other.stderr)
            codes.add(other.code)
        ended = bangui.end(flush)
    finally:
        over.set()
        thread.join()

    assert (ended.code, ended.json["flushed"], ended.json["lock"]["outcome"]) == (0, 30_000, "refreshed")
    assert codes == {75}
    check_database(bangui.database, Ledger(entries))


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not installed")
def test_a_lock_of_another_boot_does_not_outlive_it(bangui):
    """Its holder is gone, however fresh its boot clock looks: this uptime is more than its TTL."""
    boot_id = bangui.home / "boot_id"
    boot_id.write_text("00000000-0000-4000-8000-000000000000\n")
    mount = f"mount --bind {boot_id} /proc/sys/kernel/random/boot_id"
    another_boot = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh"]
    if subprocess.run([*another_boot, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")
    bangui.environment |= {"BANGUI_LOCK_TTL": "12", "BANGUI_HEARTBEAT_INTERVAL": "4"}
    bangui.ok("heartbeat")
    held = bangui.run("heartbeat", "--instance", "web2")
    # Without that it would be a container's boot ID, and the lock alive.
    before_this_boot_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) - 60
    bangui.execute(
        "UPDATE scheduler_lock SET heartbeat_at = :wall_s, heartbeat_written = :wall_s",
        wall_s=before_this_boot_s,
    )
    taken = bangui.run("heartbeat", "--instance", "web2", "--json", under=another_boot)
    mine = bangui.run("heartbeat", "--instance", "web2", "--json", under=another_boot)

    assert held.code == 75
    assert [ended.json["lock"]["outcome"] for ended in (taken, mine)] == ["taken_over", "refreshed"]
