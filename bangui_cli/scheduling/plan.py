"""What is to be scheduled: the tasks, how often, as whom, and the words of their command lines."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bangui_cli.rules import server_urls
from bangui_cli.rules.spreading import time_of_day
from bangui_cli.scheduling.tasks import Task
from bangui_cli.settings import config_file
from bangui_cli.settings.table import SYSTEM_DATABASE_PATH, Settings, default_database_path
from bangui_cli.states.errors import ConfigInvalid, UsageFault
from bangui_cli.store import place_of
from bangui_cli.store.places import Place

ROOT = "root"
# An installed file that begins with it is bangui's own, to be replaced and removed.
MARK = "# Written by bangui schedule install"
HEADING = f"{MARK}; changes made here are lost when it is installed again."
# Behind it no option is a setting's: what a run logs is found by its fields.
LOG_OPTIONS = ("--log-target", "journal")
# A server would else be asked by its whole fleet at the same second.
SPREAD_OPTION = "--spread"
_DAY_S = 86400
# libpq's: where it finds the password for a server, which no schedule may hold, and what a service is.
LIBPQ_VARIABLES = ("PGPASSFILE", "PGSERVICEFILE")


class File(NamedTuple):
    """One file to install, by its path under the root directory."""

    path: str
    text: str


class PlannedTask(NamedTuple):
    """A task with what the schedule depends on: as whom, how often, at what time of day, in what words.

    `output` is the file that it makes anew. `variables`, NAME=VALUE, are for a database on a server.
    """

    task: Task
    user: str
    interval_s: float
    timeout_s: float
    time_of_day: tuple[int, int]
    command_line: tuple[str, ...]
    output: str | None = None
    variables: tuple[str, ...] = ()


class LeftOut(NamedTuple):
    """A task that is not scheduled, and why."""

    task: Task
    reason: str


class Plan(NamedTuple):
    """Everything that the files say. `is_own`: for the user's own scheduler, not the system's."""

    database: Place
    tasks: tuple[PlannedTask, ...]
    left_out: tuple[LeftOut, ...] = ()
    is_own: bool = False


class Command(NamedTuple):
    """How bangui is started, the settings file that it is to be led to, and libpq's variables."""

    words: tuple[str, ...]
    config_path: str | None
    variables: tuple[str, ...] = ()


def plan_task(
    task: Task, user: str, settings: Settings, command: Command, *, is_own: bool
) -> PlannedTask:
    """Plan a task for a user. Raise UsageFault or ConfigInvalid for what none of its files may hold.

    It starts in an environment of its own: what flags, variables or this user's own settings file
    decided here is carried over as options.
    """
    _require_no_password(settings.database_path)
    options = _options(settings, command.config_path, user, is_own=is_own)
    interval_s = task.interval_s(settings)
    assert interval_s is not None
    is_on_server = database_of(settings, is_own=is_own).directory is None
    # A daily job has its own time of day.
    spread = [SPREAD_OPTION] if is_on_server and interval_s < _DAY_S else []
    words = (*command.words, *task.words(settings), *spread, *options, *LOG_OPTIONS)
    variables = command.variables if is_on_server else ()
    for word in (*words, *variables):
        _require_printable(word)
    moment = time_of_day(settings.instance, task.id)
    timeout_s, output = task.timeout_s(settings), task.output(settings)
    return PlannedTask(task, user, interval_s, timeout_s, moment, words, output, variables)


def libpq_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return what is set of libpq's variables, each as NAME=PATH with a path that holds anywhere."""
    given = ((name, environment.get(name)) for name in LIBPQ_VARIABLES)
    return tuple(f"{name}={os.path.abspath(path)}" for name, path in given if path)


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


def database_of(settings: Settings, *, is_own: bool) -> Place:
    """Return the database of the jobs. Where none is set, that of the system is meant, or the user's."""
    is_system = settings["database_path"].source == "default" and not is_own
    return place_of(SYSTEM_DATABASE_PATH if is_system else settings.database_path)


def _options(settings: Settings, config_path: str | None, user: str, *, is_own: bool) -> Sequence[str]:
    options = _database_options(settings, user, is_own=is_own)
    if config_path is not None and config_path != config_file.SYSTEM_PATH:
        options += ["--config", os.path.abspath(config_path)]
    if _is_given(settings, "instance"):
        options += ["--instance", settings.instance]
    return options


def _database_options(settings: Settings, user: str, *, is_own: bool) -> list[str]:
    """Return the option that leads a job to its database; the default depends on the user."""
    place = database_of(settings, is_own=is_own)
    if settings["database_path"].source == "default":
        # The variables that decide here do not reach a job.
        is_found = place.database == default_database_path({}) if is_own else user == ROOT
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
