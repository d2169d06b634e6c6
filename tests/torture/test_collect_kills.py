"""Whatever moment `kill -9` finds a collect, or however many run at once, each ban is there once."""

import random
import signal
import sys
import time

import geoip
import pytest
from fail2bans import SMALL_BATCHES, Fail2banDatabase
from invariants import check_integrity, check_run
from kills import killed
from workload import STORE_CALLS, count_calls, needs_strace, strace

NOW_S = int(time.time())
SMALL = [sys.executable, "-c", SMALL_BATCHES]
COUNT = "SELECT count(*) FROM ban_history"
KEPT = "SELECT ip, banned_at, bancount FROM ban_history ORDER BY 1, 2"
UNRESOLVED = """
SELECT count(*) FROM ban_history WHERE ip NOT IN (SELECT ip FROM geo_cache_dirty)"""


@pytest.fixture
def fail2ban(bangui):
    database = Fail2banDatabase(bangui.home / "fail2ban.sqlite3")
    germany = geoip.country("DE", "Germany")
    file = geoip.write_mmdb(bangui.home / "country.mmdb", {"10.0.0.0/9": germany})
    bangui.environment |= {
        "BANGUI_FAIL2BAN_DB": str(database.path),
        "BANGUI_GEOIP_DB_PATH": str(file),
        # A short life of the disk's: nothing here is about the power.
        "BANGUI_COLLECT_TIMEOUT": "50s",
    }
    return database


def write_bans(fail2ban, first, count):
    """Write bans in one transaction; of each hundred the last comes twice, with another count."""
    connection = fail2ban.connect()
    connection.execute("BEGIN")
    for number in range(first, first + count):
        for bancount in (1, 2)[: 1 + (number % 100 == 99)]:
            row = (
                "sshd",
                f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
                NOW_S - number,
                bancount,
            )
            for table in ("bans", "bips"):
                connection.execute(
                    f"INSERT OR REPLACE INTO {table} (jail, ip, timeofban, bantime, bancount, data)"
                    " VALUES (?, ?, ?, 600, ?, '{}')",
                    row,
                )
    connection.execute("COMMIT")
    connection.close()


def expected(fail2ban):
    """Return what the history must hold, as fail2ban's own table has it."""
    connection = fail2ban.connect()
    rows = connection.execute(
        "SELECT ip, strftime('%Y-%m-%dT%H:%M:%S.000Z', timeofban, 'unixepoch'), max(bancount)"
        " FROM bans GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    connection.close()
    return rows


@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=pytest.mark.torture)])
def test_a_collect_killed_at_random_loses_and_doubles_nothing(bangui, fail2ban, kills):
    """The next run goes on from its last commit, and resolves what the killed one had not."""
    chance, done, rounds, halfway = random.Random(kills), 0, 0, 0
    while done < kills:
        write_bans(fail2ban, rounds * 1000, 1000)
        rounds += 1
        process = bangui.start("collect", program=SMALL)
        done += killed(process, chance, lambda: bangui.database.stat().st_mtime_ns)
        check_integrity(bangui.database)
        halfway += bangui.rows(COUNT)[0][0] % 1000 > 0
    bangui.ok("collect")

    assert bangui.rows(KEPT) == expected(fail2ban)
    assert bangui.rows(UNRESOLVED) == [(0,)]
    print(f"collect: {done} kills at random in {rounds} runs, {halfway} halfway, none lost or doubled")


@needs_strace
@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=pytest.mark.torture)])
def test_a_collect_killed_at_a_write_or_sync_loses_and_doubles_nothing(bangui, fail2ban, kills):
    """In the middle of each of its transactions: record, stage, mark, state."""
    write_bans(fail2ban, 0, 300)
    calls, died = count_calls([*SMALL, "collect"], env=bangui.environment), 0
    for number in range(kills):
        write_bans(fail2ban, (number + 1) * 300, 300)
        inject = f"inject={STORE_CALLS}:signal=KILL:when={1 + number * max(calls // kills, 1) % calls}"
        under = strace("-e", f"trace={STORE_CALLS}", "-e", inject)
        ended = bangui.run("collect", program=SMALL, under=under)
        check_integrity(bangui.database)
        assert ended.code in (0, -signal.SIGKILL), ended
        died += ended.code != 0
    bangui.ok("collect")

    assert died
    assert bangui.rows(KEPT) == expected(fail2ban)
    assert bangui.rows(UNRESOLVED) == [(0,)]
    print(f"collect: {died} kills at {calls} writes and syncs, none lost or doubled")


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.torture)])
def test_runs_that_overlap_record_each_ban_once(bangui, fail2ban, rounds):
    """Each moves the mark only from where it has read on."""
    recorded = 0
    for number in range(rounds):
        write_bans(fail2ban, number * 1000, 500)
        processes = [bangui.start("collect", "--json", program=SMALL) for _ in range(3)]
        write_bans(fail2ban, number * 1000 + 500, 500)
        for process in processes:
            ended = bangui.end(process)
            check_run(ended.code, ended.stderr)
            assert ended.code == 0, ended
            recorded += ended.json["recorded"]
    recorded += bangui.ok("collect", "--json").json["recorded"]

    assert bangui.rows(KEPT) == expected(fail2ban)
    assert recorded == rounds * 1000
