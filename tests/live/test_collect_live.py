"""`collect` beside a real fail2ban server, whatever that does to its database."""

import shutil
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest
from conftest import wait_until
from fail2ban_servers import Fail2ban

pytestmark = pytest.mark.skipif(not shutil.which("fail2ban-server"), reason="fail2ban is not installed")

OURS = """
SELECT jail, ip, CAST(strftime('%s', banned_at) AS INTEGER), bantime_s, bancount, failures
  FROM ban_history ORDER BY 3, 2"""
THEIRS = """
SELECT jail, ip, timeofban, CAST(bantime AS INTEGER), bancount, json_extract(data, '$.failures')
  FROM bans ORDER BY 3, 2"""
# What the server does each hour, by its own code, with the Python that it runs on.
PYTHON = "/usr/bin/python3"
PURGE = """
import sys
from fail2ban.server.database import Fail2BanDb
Fail2BanDb(sys.argv[1], purgeAge=30).purge()
"""
# The random part that it adds makes a number with a fraction of a bantime.
INCREMENT = "bantime.increment = true\nbantime.factor = 2\nbantime.rndtime = 1\n"


@pytest.fixture
def server(bangui, tmp_path):
    """Yield a function that starts a server, whose database `collect` reads; stop the servers."""
    servers = []

    def start(more="") -> Fail2ban:
        servers.append(Fail2ban(tmp_path / "fail2ban", more))
        bangui.environment["BANGUI_FAIL2BAN_DB"] = str(servers[-1].database)
        servers[-1].start()
        return servers[-1]

    yield start
    for each in servers:
        each.stop()


def ban(fail2ban, ips, age_s=0):
    """Let fail2ban see failed logins, and wait until it has written the bans."""
    before = len(theirs(fail2ban))
    fail2ban.see_failed_logins(ips, age_s)
    wait_until(lambda: len(theirs(fail2ban)) >= before + len(ips))


def theirs(fail2ban):
    with closing(sqlite3.connect(f"file:{fail2ban.database}?mode=ro", uri=True, timeout=5)) as database:
        return database.execute(THEIRS).fetchall()


def recorded(bangui):
    return bangui.ok("collect", "--json").json["recorded"]


def test_each_ban_is_recorded_as_fail2ban_has_it(bangui, server):
    """Also one that is written late: the line of the log is older than bans that are recorded."""
    fail2ban = server()
    ban(fail2ban, ["192.0.2.1", "2001:db8::1"])
    assert recorded(bangui) == 2
    ban(fail2ban, ["192.0.2.2"], age_s=300)
    fail2ban.client("set", "app", "banip", "198.51.100.0/24")
    wait_until(lambda: len(theirs(fail2ban)) == 4)

    assert recorded(bangui) == 2
    assert bangui.rows(OURS) == theirs(fail2ban)
    assert recorded(bangui) == 0


def test_what_the_server_purges_or_is_told_to_forget_stays(bangui, server):
    """Numbers of rows are given anew by then."""
    fail2ban = server()
    ban(fail2ban, ["192.0.2.1", "192.0.2.2"], age_s=60)
    ban(fail2ban, ["192.0.2.3", "192.0.2.4"])
    assert recorded(bangui) == 4
    fail2ban.client("set", "app", "unbanip", "192.0.2.4")
    wait_until(lambda: len(theirs(fail2ban)) == 3)
    ban(fail2ban, ["192.0.2.5"])
    assert recorded(bangui) == 1
    subprocess.run([PYTHON, "-c", PURGE, fail2ban.database], check=True, capture_output=True)
    assert {ip for _, ip, *_ in theirs(fail2ban)} == {"192.0.2.3", "192.0.2.5"}
    ban(fail2ban, ["192.0.2.6"])

    assert recorded(bangui) == 1
    assert len(bangui.rows(OURS)) == 6


def test_a_ban_that_is_prolonged_each_time_is_recorded_each_time(bangui, server):
    """bantime.increment: the server counts the bans of an address, and bans it for longer."""
    fail2ban = server(INCREMENT)
    fail2ban.client("set", "app", "bantime", "2")
    seen = []
    for times in (1, 2):
        ban(fail2ban, ["192.0.2.1"])
        seen.append(recorded(bangui))
        wait_until(lambda: not fail2ban.banned(), 60)
        assert len(theirs(fail2ban)) == times

    ours = bangui.rows(OURS)
    assert ours == theirs(fail2ban)
    assert seen == [1, 1]
    assert [bancount for *_, bancount, _ in ours] == [1, 2]
    assert ours[0][3] < ours[1][3]


def test_a_database_that_is_made_anew_is_read_whole(bangui, server):
    """The new server reads its log again: those bans are known, others are new."""
    fail2ban = server()
    ban(fail2ban, [f"192.0.2.{number}" for number in range(10)])
    assert recorded(bangui) == 10
    fail2ban.stop()
    fail2ban.database.unlink()
    fail2ban.start()
    wait_until(lambda: len(theirs(fail2ban)) == 10)
    ban(fail2ban, ["203.0.113.1"])

    assert recorded(bangui) == 1
    assert len(bangui.rows(OURS)) == 11


def test_the_server_loses_no_ban_while_all_is_read_again_and_again(bangui, server):
    """Each run begins anew, and finds the server writing."""
    fail2ban = server()
    ips = [f"10.0.{number >> 8}.{number & 255}" for number in range(300)]
    readers = []
    for start in range(0, 300, 50):
        fail2ban.see_failed_logins(ips[start : start + 50])
        readers += [bangui.start("collect", "--instance", f"web{start}") for _ in range(2)]
        time.sleep(0.2)
    codes = [bangui.end(reader).code for reader in readers]
    wait_until(lambda: len(theirs(fail2ban)) == 300)
    bangui.ok("collect")

    assert set(codes) == {0}
    assert len(bangui.rows("SELECT 1 FROM ban_history WHERE instance = 'web1'")) == 300
    assert "locked" not in fail2ban.log()
