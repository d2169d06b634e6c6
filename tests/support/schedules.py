"""What tests of the schedule share: how a host is described, and how doctor looks at one below a root."""

from pathlib import Path

from conftest import Bangui

from bangui_cli.health.doctor import schedule
from bangui_cli.scheduling.formats import CRON, SYSTEMD, Format
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states.checks import Check

JOB_IDS = (
    "geo_cache_flush",
    "scheduler_lock_heartbeat",
    "geo_cache_cleanup",
    "history_sync",
    "geo_re_resolve",
)
# A host with neither fail2ban nor MMDB files has no use for the other jobs.
ALWAYS = JOB_IDS[:3]
BARE_HOST = {"BANGUI_FAIL2BAN_DB": "", "BANGUI_GEOIP_DB_PATH": ""}

RUNNING_CRON = CRON._replace(is_running=lambda: True)
RUNNING_SYSTEMD = SYSTEMD._replace(is_running=lambda: True)


def look(bangui: Bangui, root: Path, *kinds: Format, **environment: str) -> list[Check]:
    """Let doctor judge the schedule below a root."""
    invocation = Invocation({**bangui.environment, **environment}, started_s=0.0)
    database = invocation.unchecked_settings.database_path
    return schedule.examine(invocation.settings_given, database, kinds or (RUNNING_CRON,), str(root))


def job_lines(text: str) -> list[str]:
    """Return the lines of a crontab that start something."""
    return [line for line in text.splitlines() if line[:1] in set("*0123456789") and line]
