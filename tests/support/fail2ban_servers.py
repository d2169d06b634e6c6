"""A real fail2ban server with one jail, no firewall, everything below one directory."""

import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from conftest import wait_until

FAIL2BAN_CONF = """\
[DEFAULT]
loglevel = INFO
logtarget = {run}/fail2ban.log
syslogsocket = auto
socket = {run}/socket
pidfile = {run}/pid
dbfile = {database}
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
action =
"""
FILTER_CONF = """\
[Definition]
failregex = ^\\s*failed login from <ADDR>$
datepattern = ^%%Y-%%m-%%dT%%H:%%M:%%S
"""


def write_conf(conf: Path, run: Path, database: Path, more: str = "") -> None:
    """Write what a server with one jail, `app`, reads; it bans by `app.log` in its run directory.

    The jail has `more` options.
    """
    for directory in (conf / "filter.d", conf / "action.d"):
        directory.mkdir(parents=True)
    (conf / "fail2ban.conf").write_text(FAIL2BAN_CONF.format(run=run, database=database))
    (conf / "jail.conf").write_text(JAIL_CONF.format(run=run) + more)
    (conf / "filter.d" / "app.conf").write_text(FILTER_CONF)


class Fail2ban:
    """A server that runs for a test."""

    def __init__(self, home: Path, more: str = "") -> None:
        self.run = home / "run"
        self.conf = home / "conf"
        self.database = self.run / "fail2ban.sqlite3"
        self.run.mkdir(parents=True)
        (self.run / "app.log").touch()
        write_conf(self.conf, self.run, self.database, more)

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

    def see_failed_logins(self, ips: list[str], age_s: int = 0) -> None:
        """Write what fail2ban waits for; its maxretry is 1."""
        at = datetime.now() - timedelta(seconds=age_s)  # noqa: DTZ005  fail2ban reads local time
        with (self.run / "app.log").open("a") as log:
            log.writelines(f"{at:%Y-%m-%dT%H:%M:%S} failed login from {ip}\n" for ip in ips)

    def banned(self) -> set[str]:
        return set(self.client("get", "app", "banip").stdout.split())

    def log(self) -> str:
        return (self.run / "fail2ban.log").read_text()
