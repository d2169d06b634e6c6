"""Of a hundred instances that want the lock of a server at the same instant, one gets it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import wait_until
from invariants import LeaseWatch, check_run
from servers import OnServer, connect, open_server

from bangui_cli import store

pytestmark = pytest.mark.torture

CONTENDERS = 100
FREE = """
UPDATE bangui.scheduler_lock SET owner = NULL, lease_id = NULL, boot_id = NULL, heartbeat_at = 0,
       heartbeat_written = 0, heartbeat_boottime = 0"""
FUTURE = """
UPDATE bangui.scheduler_lock SET heartbeat_at = heartbeat_at + 1000,
       heartbeat_boottime = heartbeat_boottime + 1000, heartbeat_written = heartbeat_at + 1000"""
LOCKS = {
    "absent": ("DELETE FROM bangui.scheduler_lock", "created"),
    "free": (FREE, "created"),
    "expired": ("UPDATE bangui.scheduler_lock SET heartbeat_timeout = 0.001", "taken_over"),
    "malformed": ("UPDATE bangui.scheduler_lock SET heartbeat_timeout = -1", "taken_over"),
    "without a lease": ("UPDATE bangui.scheduler_lock SET lease_id = NULL", "taken_over"),
    "of the future": (FUTURE, "taken_over"),
    "of another system": ("UPDATE bangui.scheduler_lock SET boot_id = 'pg:1'", "taken_over"),
}


@pytest.fixture(scope="module")
def large_server() -> Iterator[object]:
    with open_server(connections=CONTENDERS + 20) as running:
        yield running


@pytest.fixture
def fleet(tmp_path: Path, large_server) -> OnServer:
    bangui = OnServer(tmp_path, large_server)
    store.initialise(bangui.url, journal_mode=None, force=False)
    bangui.ok("heartbeat", "--instance", "web0")
    return bangui


def _contend(fleet: OnServer):
    """Let all contenders read the row before one may write it; return what came of each, and how fast."""
    other = connect(fleet.url)
    other.raw.autocommit = False
    other.execute("LOCK TABLE bangui.scheduler_lock IN EXCLUSIVE MODE")
    runs = [
        fleet.start("heartbeat", "--json", "--timeout", "10m", "--instance", f"web{number}")
        for number in range(1, CONTENDERS + 1)
    ]
    wait_until(lambda: fleet.count_waiting() == CONTENDERS, 400)
    began_s = time.monotonic()
    other.raw.rollback()
    other.raw.close()
    return [fleet.end(run) for run in runs], time.monotonic() - began_s


def _check_one_winner(fleet: OnServer, outcome: str) -> dict[str, object]:
    """Let them contend; return the lock as its winner reports it."""
    ended, took_s = _contend(fleet)
    for one in ended:
        check_run(one.code, one.stderr)
    won = [one.json["lock"] for one in ended if one.code == 0]
    held = [one.json["lock"] for one in ended if one.code == 75]
    print(f"{len(won)} won, {len(held)} held, the last of them after {took_s:.2f} s")

    assert [outcome] == [lock["outcome"] for lock in won]
    assert len(held) == CONTENDERS - 1
    assert {won[0]["lease_id"]} == {lock["lease_id"] for lock in held}
    assert fleet.rows("SELECT owner, lease_id, token FROM bangui.scheduler_lock") == [
        tuple(won[0][key] for key in ("owner", "lease_id", "token"))
    ]
    runs = "SELECT runs_total FROM bangui.job_state WHERE job_id = 'scheduler_lock_heartbeat'"
    assert fleet.rows(runs) == [(2,)]
    return won[0]


@pytest.mark.parametrize("lock", LOCKS)
def test_one_of_a_hundred_contenders_wins(fleet: OnServer, lock: str):
    """Whatever the row says; the others find it held by the winner and write nothing."""
    state, outcome = LOCKS[lock]
    watch = LeaseWatch()
    watch.saw({"owner": "web0", "lease_id": "web0's", "token": 1})
    fleet.execute(state)
    watch.saw(_check_one_winner(fleet, outcome))

    assert watch.leases == 2


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_one_of_a_hundred_wins_under_an_isolation_that_the_database_wants(
    fleet: OnServer, isolation: str
):
    """There the losers fail to serialise, and look again."""
    fleet.execute(f"ALTER DATABASE {fleet.name} SET default_transaction_isolation = '{isolation}'")
    fleet.execute(LOCKS["expired"][0])

    assert _check_one_winner(fleet, "taken_over")["token"] == 2
