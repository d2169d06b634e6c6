"""Who waits for a lock row that another transaction holds is judged by what is there after the wait."""

import pytest
from conftest import wait_until
from servers import OnServer, connect

TTL_S = 4
TTL = {"BANGUI_LOCK_TTL": str(TTL_S), "BANGUI_HEARTBEAT_INTERVAL": "0.5"}
LOCK_ROW = "SELECT 1 FROM bangui.scheduler_lock FOR UPDATE"
NOW = "extract(epoch FROM clock_timestamp())::float8"
AGE = f"SELECT {NOW} - heartbeat_at FROM bangui.scheduler_lock"
EXPIRE = "UPDATE bangui.scheduler_lock SET heartbeat_timeout = 0.001"
BEAT = f"""
UPDATE bangui.scheduler_lock
   SET owner = '{{owner}}', lease_id = '{{lease}}', token = 9, heartbeat_timeout = 300, heartbeat_at = {NOW},
       heartbeat_written = heartbeat_at, heartbeat_boottime = {NOW}"""
TAKE = f"{BEAT.format(owner='web9', lease='theirs')}; UPDATE bangui.scheduler_lock SET heartbeat_written = heartbeat_at"
ANOTHER_OF_MINE = TAKE.replace("web9", "web1")
RELEASE = """
UPDATE bangui.scheduler_lock SET owner = NULL, lease_id = NULL, boot_id = NULL, heartbeat_at = 0,
       heartbeat_written = 0, heartbeat_boottime = 0"""
DELETE = "DELETE FROM bangui.scheduler_lock"

# Whose row it was and what it was made, what another transaction does to it, until what age of the
# heartbeat, and the verdict.
WAITS = {
    "mine, untouched": ("web1", "", "", 0.0, "refreshed"),
    "mine, and expired meanwhile": ("web1", "", "", TTL_S + 0.1, "reacquired"),
    "mine, taken over": ("web1", "", TAKE, 0.0, "held"),
    "mine, under another lease": ("web1", "", ANOTHER_OF_MINE, 0.0, "refreshed"),
    "mine, released": ("web1", "", RELEASE, 0.0, "created"),
    "mine, deleted": ("web1", "", DELETE, 0.0, "created"),
    "expired, untouched": ("web2", EXPIRE, "", 0.0, "taken_over"),
    "expired, refreshed by another": ("web2", EXPIRE, TAKE, 0.0, "held"),
    "expired, released": ("web2", EXPIRE, RELEASE, 0.0, "created"),
    "expired, taken by a run of mine": ("web2", EXPIRE, ANOTHER_OF_MINE, 0.0, "refreshed"),
    "expired, untouched for long": ("web2", EXPIRE, "", 6.0, "taken_over"),
}
LONG = [name for name, wait in WAITS.items() if wait[3] > 5]


@pytest.mark.parametrize(
    "wait", [pytest.param(name, marks=pytest.mark.torture) if name in LONG else name for name in WAITS]
)
def test_the_verdict_is_that_of_the_moment_of_the_turn(on_server: OnServer, wait: str):
    """Neither a lease that ran out meanwhile nor one that another got is taken for what it was before."""
    owner, state, meanwhile, takes_s, outcome = WAITS[wait]
    env = TTL if outcome == "reacquired" else {}
    on_server.ok("heartbeat", "--instance", owner, env=env)
    if state:
        on_server.execute(state)
    other = connect(on_server.url)
    other.raw.autocommit = False
    other.execute(LOCK_ROW)
    run = on_server.start("heartbeat", "--json", "--timeout", 30, env=env)
    wait_until(on_server.count_waiting)
    wait_until(lambda: on_server.rows(AGE)[0][0] > takes_s)
    if meanwhile:
        other.execute(meanwhile)
    other.raw.commit()
    other.raw.close()
    ended = on_server.end(run)

    assert ended.json["lock"]["outcome"] == outcome, ended
    assert ended.code == (75 if outcome == "held" else 0)
    (row,) = on_server.rows(
        f"SELECT owner, lease_id, {NOW} - heartbeat_at, heartbeat_at = heartbeat_written FROM bangui.scheduler_lock"
    )
    assert row[:2] == (ended.json["lock"]["owner"], ended.json["lock"]["lease_id"])
    assert row[2] < 2
    assert row[3]
