"""The schedulers that bangui writes files for, and whether they are there to read them."""

import os
from collections.abc import Callable
from typing import NamedTuple

from bangui_cli.jobs.catalogue import Job
from bangui_cli.scheduling import crontab, units
from bangui_cli.scheduling.plan import File, Plan

_CRON_DAEMONS = ("cron", "crond")
# systemd-cron has no daemon: a generator turns /etc/cron.d into timers.
_SYSTEMD_CRON = "/run/systemd/generator/cron.target.wants"
# What sd_booted(3) looks at.
_SYSTEMD = "/run/systemd/system"


class Format(NamedTuple):
    """One kind of schedule: its files, and how it comes to life; `start_file` says when a job starts."""

    name: str
    paths: tuple[str, ...]
    links: tuple[str, ...]
    start_file: Callable[[Job], str]
    render: Callable[[Plan], tuple[File, ...]]
    cadence_s: Callable[[float], float]
    is_running: Callable[[], bool]
    hint_if_not_running: str
    hint_installed: str | None
    hint_removed: str | None


def cron_is_running() -> bool:
    """Tell whether a daemon that reads /etc/cron.d runs where this process can see it."""
    return os.path.isdir(_SYSTEMD_CRON) or any(map(_is_cron, os.listdir("/proc")))


def systemd_is_running() -> bool:
    """Tell whether systemd runs this system."""
    return os.path.isdir(_SYSTEMD)


def _is_cron(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().rstrip("\n") in _CRON_DAEMONS
    except OSError:
        return False  # it has ended meanwhile


CRON = Format(
    name="cron",
    paths=(crontab.PATH,),
    links=(),
    start_file=lambda _job: crontab.PATH,
    render=crontab.render,
    cadence_s=crontab.cadence_s,
    is_running=cron_is_running,
    hint_if_not_running="install and start cron (apt-get install cron), or use --format systemd",
    hint_installed=None,
    hint_removed=None,
)
SYSTEMD = Format(
    name="systemd",
    paths=units.PATHS,
    links=units.LINKS,
    start_file=lambda job: units.path(job, "timer"),
    render=units.render,
    cadence_s=lambda interval_s: interval_s,
    is_running=systemd_is_running,
    hint_if_not_running="systemd does not run this system: use --format cron",
    hint_installed=f"systemctl daemon-reload && systemctl enable --now {units.TIMERS}",
    hint_removed=f"systemctl stop {units.TIMERS}; systemctl daemon-reload",
)
FORMATS = {CRON.name: CRON, SYSTEMD.name: SYSTEMD}
