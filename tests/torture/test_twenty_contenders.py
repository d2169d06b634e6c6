"""Of many instances that want the lock at the same instant, one gets it."""

import time
from contextlib import closing

import pytest
from invariants import LeaseWatch, check_run

from bangui_cli.host import clocks

CONTENDERS = 20
INSERT = """
INSERT OR REPLACE INTO scheduler_lock
    (id, pid, hostname, created_at, heartbeat_at, heartbeat_timeout,
     owner, lease_id, token, boot_id, heartbeat_boottime, heartbeat_written)
VALUES (1, 1, 'gone', :wall, :wall, :ttl, :owner, :lease, :token, :boot, :uptime, :wall)"""


def _row(**changes):
    """Return the lock row of another instance of this boot, just refreshed."""
    now = clocks.now()
    who = {"owner": "web0", "lease": "lease-0", "token": 7, "ttl": 300, "boot": now.boot_id}
    return {**who, "wall": now.wall_s, "uptime": now.boottime_s, **changes}


LOCKS = {
    "absent": (lambda: None, "created"),
    "free": (lambda: _row(owner=None, lease=None, boot=None, wall=0, uptime=0), "created"),
    "expired": (lambda: _row(ttl=0.01), "taken_over"),
    "malformed": (lambda: _row(ttl=-1), "taken_over"),
    "future": (lambda: _row(uptime=clocks.now().boottime_s + 1000), "taken_over"),
    "other-boot": (lambda: _row(boot="another", ttl=0.01), "taken_over"),
}
PASSES = 2


def _contend(bangui):
    """Let all contenders wait for SQLite's lock, release it, return what came of each."""
    with closing(bangui.connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        processes = [
            bangui.start("heartbeat", "--json", "--timeout", 30, env={"BANGUI_INSTANCE": f"web{n}"})
            for n in range(1, CONTENDERS + 1)
        ]
        time.sleep(1.5)
        connection.execute("COMMIT")
    return [bangui.end(process) for process in processes]


@pytest.mark.torture
@pytest.mark.parametrize("lock", LOCKS)
def test_one_of_twenty_contenders_wins(bangui, lock):
    """The others find the lock held by the winner and write nothing; the token counts on."""
    make_row, outcome = LOCKS[lock]
    watch = LeaseWatch()
    for number in range(1, PASSES + 1):
        bangui.execute("DELETE FROM scheduler_lock")
        if row := make_row():
            bangui.execute(INSERT, **row)
        contenders = _contend(bangui)
        for ended in contenders:
            check_run(ended.code, ended.stderr)
        won = [ended.json["lock"] for ended in contenders if ended.code == 0]
        held = [ended.json["lock"] for ended in contenders if ended.code == 75]

        assert [outcome] == [lock["outcome"] for lock in won]
        assert {won[0]["lease_id"]} == {lock["lease_id"] for lock in held}
        assert len(held) == CONTENDERS - 1
        assert [(number,)] == bangui.rows("SELECT runs_total FROM job_state")
        watch.saw(won[0])
    assert watch.leases == PASSES
