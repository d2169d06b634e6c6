"""The whole chain with a real fail2ban server: log line, ban, resolve, flush, report."""

import shlex
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import geoip
import pytest
from conftest import wait_until
from geoip import query_plan

from bangui_cli.fail2ban.counting import ADDRESS, history_query

pytestmark = pytest.mark.skipif(not shutil.which("fail2ban-server"), reason="fail2ban is not installed")

# The manual's own examples are what is tried here.
MANUAL = (Path(__file__).parents[1] / "manual/prose/bangui-resolve.md").read_text()


def manual_block(first_line: str) -> str:
    """Return the block of the manual's resolve page that begins so."""
    blocks = MANUAL.replace("\n    ", "\n|").split("\n\n|")[1:]
    wanted = [block for block in blocks if block.startswith(first_line)]
    assert len(wanted) == 1, first_line
    return wanted[0].split("\n\n")[0].replace("\n|", "\n") + "\n"


ACTION = manual_block("[Definition]")
CRONTAB_COMMAND = manual_block("* * * * * root ").split(maxsplit=6)[6]
FAIL2BAN_CONF = """\
[DEFAULT]
loglevel = INFO
logtarget = {run}/fail2ban.log
syslogsocket = auto
socket = {run}/socket
pidfile = {run}/pid
dbfile = {run}/fail2ban.sqlite3
dbpurgeage = 30d
dbmaxmatches = 10
[Definition]
"""
JAIL_CONF = """\
[app]
enabled = true
backend = polling
usedns = no
filter = app
logpath = {run}/app.log
maxretry = 1
findtime = 10m
bantime = 1h
ignoreself = false
ignoreip =
action = {action}
"""
FILTER_CONF = """\
[Definition]
failregex = ^\\s*failed login from <ADDR>$
datepattern = ^%%Y-%%m-%%dT%%H:%%M:%%S
"""


class Fail2ban:
    """A real server with one jail, no firewall, everything below one directory."""

    def __init__(self, home: Path, actions: dict[str, str]) -> None:
        self.run = home / "run"
        self.conf = home / "conf"
        self.database = self.run / "fail2ban.sqlite3"
        for directory in (self.run, self.conf / "filter.d", self.conf / "action.d"):
            directory.mkdir(parents=True)
        (self.run / "app.log").touch()
        names = "\n         ".join(actions)
        (self.conf / "fail2ban.conf").write_text(FAIL2BAN_CONF.format(run=self.run))
        (self.conf / "jail.conf").write_text(JAIL_CONF.format(run=self.run, action=names))
        (self.conf / "filter.d" / "app.conf").write_text(FILTER_CONF)
        for name, text in actions.items():
            (self.conf / "action.d" / f"{name}.conf").write_text(text)

    @property
    def options(self) -> list[str]:
        return ["-c", str(self.conf), "-s", str(self.run / "socket"), "-p", str(self.run / "pid")]

    def start(self) -> None:
        self.server = subprocess.Popen(
            ["fail2ban-server", *self.options, "-f", "start"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: self.client("ping").returncode == 0)

    def stop(self) -> None:
        self.client("stop")
        self.server.wait(timeout=30)

    def client(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["fail2ban-client", *self.options, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def see_failed_logins(self, ips: list[str]) -> None:
        """Write what fail2ban waits for; its maxretry is 1."""
        now = datetime.now().strftime("%Y-%m-%dT%H:%M:%S")  # noqa: DTZ005  fail2ban reads local time
        with (self.run / "app.log").open("a") as log:
            log.writelines(f"{now} failed login from {ip}\n" for ip in ips)

    def banned(self) -> set[str]:
        return set(self.client("get", "app", "banip").stdout.split())

    def log(self) -> str:
        return (self.run / "fail2ban.log").read_text()


@pytest.fixture
def server(tmp_path):
    """Yield a function that starts a server with actions, and stop the servers."""
    servers = []

    def start(**actions: str) -> Fail2ban:
        servers.append(Fail2ban(tmp_path / f"fail2ban{len(servers)}", actions))
        servers[-1].start()
        return servers[-1]

    yield start
    for each in servers:
        each.stop()


@pytest.fixture
def geo(bangui, tmp_path):
    """Set bangui up as an operator would, and return a script that runs it as the command does."""
    germany, france = geoip.country("DE", "Germany"), geoip.country("FR", "France")
    file = geoip.write_mmdb(
        tmp_path / "country.mmdb", {"192.0.2.0/24": germany, "2001:db8::/32": france}
    )
    bangui.environment["BANGUI_GEOIP_DB_PATH"] = str(file)
    script = tmp_path / "bangui"
    variables = [f"{name}={value}" for name, value in bangui.environment.items()]
    command = ["env", *variables, sys.executable, "-m", "bangui_cli"]
    script.write_text(f'#!/bin/sh\ncd {Path(__file__).parents[2]}\nexec {shlex.join(command)} "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_from_a_log_line_to_a_report(bangui, server, geo):
    """The action resolves each ban as it happens; flush and report do the rest."""
    fail2ban = server(bangui=ACTION.replace("bangui resolve", f"{geo} resolve"))

    fail2ban.see_failed_logins(["192.0.2.1", "2001:db8::1", "203.0.113.9"])
    wait_until(lambda: len(bangui.rows("SELECT ip FROM geo_cache_dirty")) == 3)
    bangui.ok("flush")
    report = bangui.ok("report", "--fail2ban", fail2ban.database, "--active", "--format", "json").json

    assert {(row["key"], row["count"]) for row in report["rows"]} == {("DE", 1), ("FR", 1)}
    assert (report["total"], report["unknown"]) == (3, 1)
    assert "ERROR" not in fail2ban.log()


def test_the_hourly_catch_up_resolves_what_the_action_missed(bangui, server, geo):
    """The crontab line needs no action; it asks only for what is new, networks included."""
    fail2ban = server()
    fail2ban.see_failed_logins(["192.0.2.1", "192.0.2.2"])
    wait_until(lambda: len(fail2ban.banned()) == 2)
    fail2ban.client("set", "app", "banip", "192.0.2.128/25")

    command = CRONTAB_COMMAND.replace("/usr/local/bin/bangui", geo)
    environment = {"BANGUI_FAIL2BAN_DB": str(fail2ban.database)}
    first = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, check=True)
    again = bangui.ok("resolve", "--fail2ban", "--json", env=environment)

    assert (first.stdout, first.stderr) == (b"", b"")
    assert bangui.rows("SELECT ip FROM geo_cache_dirty WHERE country_code = 'DE' ORDER BY ip") == [
        ("192.0.2.1",), ("192.0.2.128",), ("192.0.2.2",),
    ]  # fmt: skip
    assert (again.json["staged"], again.json["fresh"], again.json["skipped"]) == (0, 3, 0)


def test_its_own_indexes_are_what_is_asked(bangui, server, geo):
    """The server makes them; no row of its history is read, and its jails are known by name."""
    fail2ban = server()
    fail2ban.see_failed_logins(["192.0.2.1", "192.0.2.2"])
    wait_until(lambda: len(fail2ban.banned()) == 2)

    for of_jail in (False, True):
        for recent in (False, True):
            query = history_query(ADDRESS, of_jail=of_jail, timed=recent)
            steps = query_plan(str(fail2ban.database), query)
            assert all("COVERING INDEX bans_" in step for step in steps), steps
    report = bangui.ok("report", f"--fail2ban={fail2ban.database}", "--jail", "apps", "--since", "1d")

    assert report.events[0]["jails"] == ["app"]


def test_a_restart_does_not_replay_the_bans(bangui, server, geo):
    """norestored: thousands of restored bans would start thousands of processes."""
    fail2ban = server(bangui=ACTION.replace("bangui resolve", f"{geo} resolve"))
    fail2ban.see_failed_logins(["192.0.2.1"])
    wait_until(lambda: bangui.rows("SELECT ip FROM geo_cache_dirty"))
    bangui.execute("DELETE FROM geo_cache_dirty")

    fail2ban.stop()
    fail2ban.start()
    wait_until(lambda: fail2ban.banned() == {"192.0.2.1"})
    fail2ban.see_failed_logins(["192.0.2.2"])
    wait_until(lambda: bangui.rows("SELECT ip FROM geo_cache_dirty"))

    assert bangui.rows("SELECT ip FROM geo_cache_dirty") == [("192.0.2.2",)]


def test_an_action_that_fails_or_hangs_fails_no_jail(bangui, server, geo):
    """Bangui without its database exits 66, and waits 30 s for a locked one: fail2ban sees neither."""
    holder = bangui.connect()
    holder.execute("BEGIN EXCLUSIVE")
    action = ACTION.replace("bangui resolve", f"{geo} resolve").replace("timeout 5", "timeout 1")
    fail2ban = server(bangui=action)

    fail2ban.see_failed_logins(["192.0.2.1"])
    wait_until(lambda: fail2ban.banned() == {"192.0.2.1"})
    holder.close()
    bangui.database.unlink()
    fail2ban.see_failed_logins(["192.0.2.2"])
    wait_until(lambda: fail2ban.banned() == {"192.0.2.1", "192.0.2.2"})
    fail2ban.client("unban", "--all")

    assert "ERROR" not in fail2ban.log()


def test_the_server_loses_no_ban_while_it_is_read(bangui, server, geo):
    """Readers come and go while it bans: each ban is in its database, none was refused."""
    fail2ban = server()
    ips = [f"192.0.2.{number}" for number in range(100)]
    readers = []

    for start in range(0, 100, 10):
        fail2ban.see_failed_logins(ips[start : start + 10])
        readers += [bangui.start("resolve", f"--fail2ban={fail2ban.database}", "--max-age", "1s")]
        readers += [bangui.start("report", f"--fail2ban={fail2ban.database}")]
        time.sleep(0.2)
    wait_until(lambda: fail2ban.banned() == set(ips))
    codes = [reader.wait(timeout=60) for reader in readers]
    for reader in readers:
        reader.communicate()
    report = bangui.ok("report", f"--fail2ban={fail2ban.database}", "--format", "json").json

    assert set(codes) == {0}
    assert report["total"] == 100
    assert "locked" not in fail2ban.log()
