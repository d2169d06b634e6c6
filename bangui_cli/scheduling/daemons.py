"""What starts the jobs: whether it runs, and what is to be done where it does not."""

import os
import shutil

_CRON_DAEMONS = ("cron", "crond")
_SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
# systemd-cron has no daemon: a generator turns /etc/cron.d into timers.
_SYSTEMD_CRON = "/run/systemd/generator/cron.target.wants"
# What sd_booted(3) looks at.
_SYSTEMD = "/run/systemd/system"


def cron_is_running() -> bool:
    """Tell whether a daemon that reads /etc/cron.d runs where this process can see it."""
    return os.path.isdir(_SYSTEMD_CRON) or any(map(_is_cron, os.listdir("/proc")))


def systemd_is_running() -> bool:
    """Tell whether systemd runs this system."""
    return os.path.isdir(_SYSTEMD)


def own_systemd_is_running(runtime_directory: str | None) -> bool:
    """Tell whether a systemd of this user runs, by the socket that systemctl talks to."""
    directory = runtime_directory or f"/run/user/{os.geteuid()}"
    return os.path.exists(f"{directory}/systemd/private")


def hint_to_start_cron() -> str:
    """Return what brings cron to life, which may be installed already."""
    if any(shutil.which(daemon, path=_SYSTEM_PATH) for daemon in _CRON_DAEMONS):
        how = "systemctl enable --now cron" if systemd_is_running() else "service cron start"
        return f"cron is installed, and does not run: {how}"
    return "install and start cron (apt-get install cron), or use --format systemd"


def hint_to_start_systemd() -> str:
    """Return what to do on a system that systemd does not run."""
    return "systemd does not run this system: use --format cron"


def hint_to_start_own_systemd() -> str:
    """Return what to do where this user has no systemd."""
    return "no systemd runs for this user (loginctl enable-linger): use --format cron"


def _is_cron(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().rstrip("\n") in _CRON_DAEMONS
    except OSError:
        return False  # it has ended meanwhile
