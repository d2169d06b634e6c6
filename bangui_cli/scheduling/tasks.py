"""What a schedule starts again and again: the jobs, and the files that are made anew."""

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bangui_cli.jobs import catalogue
from bangui_cli.jobs.catalogue import COLLECT, FLUSH, HEARTBEAT, PRUNE, RE_RESOLVE, Job
from bangui_cli.rules.durations import format_duration
from bangui_cli.settings.table import BY_KEY, Settings
from bangui_cli.settings.values import NEVER
from bangui_cli.states import events
from bangui_cli.states.events import Event

_METRICS_INTERVAL_S = 60.0
# A command without a timeout of its own ends by itself, unless the machine is very slow.
_UNTIMED_S = 600.0

# The settings that name what the jobs read.
FAIL2BAN, MMDB = "fail2ban_db", "geoip_db"
# Those that say how long something is kept, by their options.
_KEPT = {"cache_retention": "--cache-age", "history_retention": "--history-age"}
# What jobs go by without an option for it, or for all of them at once.
_IN_NO_LINE = ("lock_ttl", "batch_size", "mask_ips", "geoip_registered")
_NOTHING: Mapping[str, str] = {}

Words = tuple[str, ...]


class Task(NamedTuple):
    """One thing to start; the ID is an interface, `unit` names it to systemd, `command` has its page.

    `words` follow the program. Without what the setting in `needs` names it has nothing to do.
    `output` is the file that it makes anew, if its setting is set.
    """

    id: str
    unit: str
    command: str
    words: Callable[[Settings], Words]
    interval_key: str | None
    timeout_key: str | None
    scheduled: Event
    needs: str = ""
    output_key: str | None = None
    output_name: str = ""

    def interval_s(self, settings: Settings) -> float | None:
        """Return how often it is to start, None for never."""
        value: float | None = (
            settings[self.interval_key].value if self.interval_key else _METRICS_INTERVAL_S
        )
        return value

    def timeout_s(self, settings: Settings) -> float:
        """Return the longest that it may take."""
        return float(settings[self.timeout_key].value) if self.timeout_key else _UNTIMED_S

    def output(self, settings: Settings) -> str | None:
        """Return the file that it makes anew, None where it makes none, or none is wanted."""
        path = settings[self.output_key].value if self.output_key else None
        return path and os.path.abspath(os.path.join(path, self.output_name))


def _of_job(
    job: Job,
    *options: str,
    verbose: bool = False,
    reads: str = "",
    needs: str = "",
    keeps: Mapping[str, str] = _NOTHING,
) -> Task:
    """Return how a job runs with nobody watching."""
    spans = {job.timeout_key: "--timeout", **keeps}

    def words(settings: Settings) -> Words:
        return (
            *job.command.split(),
            *options,
            *(_verbose(settings) if verbose else ()),
            *(word for key in reads.split() for word in _given(key, settings)),
            *(word for key, option in spans.items() for word in _span(key, option, settings)),
        )

    command = job.command.split()[0]
    return Task(job.id, command, command, words, job.interval_key, job.timeout_key, job.scheduled, needs)


def _verbose(settings: Settings) -> Words:
    """Ask for the debug events, which tell in the morning what was done; a settings file has its say."""
    return () if settings["log_level"].source.startswith("file") else ("--verbose",)


def _given(key: str, settings: Settings) -> Words:
    """Carry over a path that a variable gave, which does not reach the job."""
    value = settings[key].value
    if not _reaches_no_job(key, settings):
        return ()
    if key == FAIL2BAN:
        return (f"--fail2ban={os.path.abspath(value)}",)
    return tuple(word for path in value for word in ("--geoip-db", os.path.abspath(path)))


def _span(key: str, option: str, settings: Settings) -> Words:
    """Carry over a span of time that a variable gave."""
    if not _reaches_no_job(key, settings):
        return ()
    value = settings[key].value
    return (option, NEVER if value is None else format_duration(value))


def not_carried(settings: Settings) -> dict[str, str]:
    """Return the variables that jobs go by, and that no line hands on to them, by their keys."""
    return {
        key: BY_KEY[key].variable
        for key in _IN_NO_LINE
        if settings[key].source.startswith("environment")
    }


def _reaches_no_job(key: str, settings: Settings) -> bool:
    return settings[key].source.startswith(("environment", "flag"))


def _page(settings: Settings) -> Words:
    span = format_duration(settings.report_span)
    return (
        "report",
        "--history",
        "--format",
        "html",
        "--since",
        span,
        "--output",
        _output(PAGE, settings),
    )


def _status_metrics(settings: Settings) -> Words:
    return ("status", "--format", "prometheus", "--output", _output(STATUS_METRICS, settings))


def _ban_metrics(settings: Settings) -> Words:
    output = _output(BAN_METRICS, settings)
    return ("report", "--history", "--format", "prometheus", "--since", "1d", "--output", output)


def _output(task: Task, settings: Settings) -> str:
    return str(task.output(settings))


PAGE = Task(
    "ban_report", "report", "report", _page, "report_interval", None, events.REPORT_SCHEDULED,
    output_key="report_path",
)  # fmt: skip
STATUS_METRICS = Task(
    "status_metrics", "status-metrics", "status", _status_metrics, None, None,
    events.STATUS_METRICS_SCHEDULED, output_key="metrics_path", output_name="bangui_status.prom",
)  # fmt: skip
BAN_METRICS = Task(
    "ban_metrics", "ban-metrics", "report", _ban_metrics, None, None, events.BAN_METRICS_SCHEDULED,
    output_key="metrics_path", output_name="bangui_bans.prom",
)  # fmt: skip
_OF_JOBS = {
    FLUSH: _of_job(FLUSH, "--held-ok", verbose=True),
    HEARTBEAT: _of_job(HEARTBEAT, "--held-ok"),
    PRUNE: _of_job(PRUNE, "--held-ok", verbose=True, keeps=_KEPT),
    COLLECT: _of_job(COLLECT, verbose=True, reads=f"{FAIL2BAN} {MMDB}", needs=FAIL2BAN),
    RE_RESOLVE: _of_job(RE_RESOLVE, reads=MMDB, needs=MMDB),
}
TASKS = (*(_OF_JOBS[job] for job in catalogue.JOBS), PAGE, STATUS_METRICS, BAN_METRICS)
