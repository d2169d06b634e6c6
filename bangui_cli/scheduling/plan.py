"""What is to be scheduled: the jobs, how often, as whom, and the words of their command lines."""

import os
import sys
from typing import NamedTuple

from bangui_cli.jobs.catalogue import FLUSH, LOCK_KEEPERS, Job
from bangui_cli.rules import server_urls
from bangui_cli.settings import config_file
from bangui_cli.settings.table import SYSTEM_DATABASE_PATH, Settings
from bangui_cli.states.errors import ConfigInvalid, UsageFault
from bangui_cli.store import place_of
from bangui_cli.store.places import Place

ROOT = "root"
# An installed file that begins with it is bangui's own, to be replaced and removed.
MARK = "# Written by bangui schedule install"
HEADING = f"{MARK}; changes made here are lost when it is installed again."


class File(NamedTuple):
    """One file to install, by its path under the root directory."""

    path: str
    text: str


class PlannedJob(NamedTuple):
    """A job with the settings that the schedule depends on, and the words that run it."""

    job: Job
    interval_s: float
    timeout_s: float
    command_line: tuple[str, ...]


class Plan(NamedTuple):
    """Everything that the files say."""

    user: str
    database: Place
    jobs: tuple[PlannedJob, ...]


def make_plan(settings: Settings, config_path: str | None, command: tuple[str, ...], user: str) -> Plan:
    """Plan the jobs for `user`. Raise UsageFault for what no crontab or unit can hold.

    The jobs start in an environment of their own: what flags, variables or this user's own settings
    file decided here is carried over as options.
    """
    database = database_of(settings)
    _require_no_password(database.database)
    options = _database_options(settings, database, user)
    if config_path is not None and config_path != config_file.SYSTEM_PATH:
        options += ["--config", os.path.abspath(config_path)]
    if _is_given(settings, "instance"):
        options += ["--instance", settings.instance]
    for word in (*command, *options, database.database):
        _require_printable(word)
    jobs = [
        PlannedJob(
            job,
            settings[job.interval_key].value,
            settings[job.timeout_key].value,
            (*command, job.command, *_flags(job, settings), *options),
        )
        for job in LOCK_KEEPERS
    ]
    return Plan(user, database, tuple(jobs))


def _flags(job: Job, settings: Settings) -> tuple[str, ...]:
    """Return how a job runs with nobody watching.

    A standby is no failure. Whoever asks the journal in the morning what was flushed needs the debug
    events of that job, unless the settings file says otherwise.
    """
    if job is FLUSH and not settings["log_level"].source.startswith("file"):
        return ("--held-ok", "--verbose")
    return ("--held-ok",)


def own_command() -> tuple[str, ...]:
    """Return the words that start this bangui again from anywhere: its script, else its interpreter.

    That runs isolated: neither the working directory nor the user's own modules are imported from.
    """
    started_as = os.path.abspath(sys.argv[0])
    beside_interpreter = os.path.join(os.path.dirname(sys.executable), "bangui")
    for script in (started_as, beside_interpreter):
        if not script.endswith(".py") and os.access(script, os.X_OK):
            return (script,)
    return (sys.executable, "-I", "-m", "bangui_cli")


def database_of(settings: Settings) -> Place:
    """Return the database of the jobs. Where none is set, that of the system is meant, whoever asks."""
    is_default = settings["database_path"].source == "default"
    return place_of(SYSTEM_DATABASE_PATH if is_default else settings.database_path)


def _database_options(settings: Settings, place: Place, user: str) -> list[str]:
    """Return the option that leads the jobs to their database; the default depends on the user."""
    if settings["database_path"].source == "default":
        is_found = user == ROOT
    else:
        is_found = place.database == settings.database_path and not _is_given(settings, "database_path")
    return [] if is_found else ["--database", place.database]


def _is_given(settings: Settings, key: str) -> bool:
    return settings[key].source.startswith(("flag", "environment"))


def _require_no_password(database: str) -> None:
    """Raise ConfigInvalid: what is installed may be read by everybody."""
    if server_urls.has_password(database):
        raise ConfigInvalid(
            f"{server_urls.shown(database)} holds a password, which a schedule would show to everybody",
            hint="keep it in a pass file with mode 0600, named by PGPASSFILE or passfile= in the URL",
        )


def _require_printable(word: str) -> None:
    # A newline would end the line and start another job; neither cron nor systemd can quote it.
    if not word.isprintable():
        raise UsageFault(
            f"{word!r} has a character that no crontab and no unit can hold",
            hint="rename it: control characters and bytes that are no UTF-8 cannot be scheduled",
        )
