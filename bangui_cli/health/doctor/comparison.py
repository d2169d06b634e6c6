"""Judge an installed schedule by what is in it: what `schedule install` would write now."""

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from bangui_cli.scheduling import looking_back, runner, uses
from bangui_cli.scheduling.formats import CRON, Format
from bangui_cli.scheduling.inventory import Schedule
from bangui_cli.scheduling.plan import (
    ROOT,
    File,
    Plan,
    PlannedTask,
    database_of,
    plan_task,
)
from bangui_cli.scheduling.runner import User
from bangui_cli.scheduling.tasks import TASKS, Task
from bangui_cli.settings.table import Settings
from bangui_cli.states import exit_codes
from bangui_cli.states.checks import Check, error, failed, ok, warning
from bangui_cli.states.errors import BanguiError, UsageFault

# A command of cron's, and what is before it, is not longer.
_SHOWN_CHARACTERS = 2000


def check(schedule: Schedule, database: str) -> Check:
    """Find the worst that is wrong with a schedule for the database that doctor looks at."""
    remedy = f"bangui schedule install{_format_option(schedule.format)}"
    try:
        fault = _fault(schedule, database, remedy) or _difference(schedule, remedy)
    except UsageFault as unknown:  # for whom cron ignores the whole file, and systemd starts nothing
        return error("schedule", unknown.error, unknown.hint, exit_codes.UNAVAILABLE)
    except BanguiError as state:
        return failed("schedule", state)
    where = schedule.files[0].path
    return fault or ok("schedule", f"installed for {schedule.format.name}: {where}")


def _format_option(format_: Format) -> str:
    return "" if format_.name == CRON.name else f" --format {format_.name}"


def _fault(schedule: Schedule, database: str, remedy: str) -> Check | None:
    """Find what keeps the jobs from working, or on another database. Raise what a user lacks."""
    text = "".join(file.text for file in schedule.files)
    if schedule.format.name == CRON.name:
        reason = _why_cron_ignores(text)
        if reason:
            detail = f"cron ignores {schedule.files[0].path}: {reason}"
            return error("schedule", detail, remedy, exit_codes.UNAVAILABLE)
    if not schedule.started:
        return error("schedule", "it starts nothing", remedy, exit_codes.UNAVAILABLE)
    _require_runners(schedule)
    if not schedule.is_on(database):
        detail = f"its jobs work on {schedule.database}, and not on {database}"
        other = f"{remedy} --database {database}; or look at the other: bangui doctor --database"
        return error("schedule", detail, f"{other} {schedule.database}", exit_codes.CONFIG)
    return None


def _why_cron_ignores(text: str) -> str | None:
    if text and not text.endswith("\n"):
        return "its last line has no end"
    strange = looking_back.lines_not_for_cron(text)
    return f"it does not understand the line {strange[0][:_SHOWN_CHARACTERS]!r}" if strange else None


def _require_runners(schedule: Schedule) -> None:
    """Raise UsageFault for an unknown user, and what a user lacks to run the program on the database."""
    place = database_of(schedule.settings, is_own=schedule.format.is_own)
    for name in dict.fromkeys(started.user for started in schedule.started):
        user = runner.named(name)
        if not _can_be_asked(user):
            continue
        for program in dict.fromkeys(each.words[0] for each in schedule.started if each.user == name):
            runner.require_runnable(program, user)
            if name != ROOT:
                config_path = schedule.command.config_path
                runner.require_all(user, runner.needs_of_every_task(place, config_path, program))


def _can_be_asked(user: User) -> bool:
    return os.geteuid() in (0, user.user_id)


def _difference(schedule: Schedule, remedy: str) -> Check | None:
    """Find in what the schedule is not what would be installed now."""
    installed = {started.task.id: started.user for started in schedule.started if started.task}
    planned = list(_expected(schedule, installed))
    missing = [each.task.id for each in planned if each.task.id not in installed]
    if missing:
        detail = f"{' and '.join(missing)} should be started, and nothing in it does"
        return error("schedule", detail, remedy, exit_codes.UNAVAILABLE)
    place = database_of(schedule.settings, is_own=schedule.format.is_own)
    wanted = schedule.format.render(Plan(place, tuple(planned), (), schedule.format.is_own))
    found = {file.path: file.text for file in schedule.files}
    gone = [file.path for file in wanted if file.path not in found]
    if gone:
        return error("schedule", f"{gone[0]} is missing", remedy, exit_codes.UNAVAILABLE)
    differing = [file for file in wanted if found.pop(file.path) != file.text]
    if not differing and not found:
        return None
    return warning("schedule", _name(schedule, differing, found), remedy)


def _expected(schedule: Schedule, installed: Mapping[str, str]) -> Iterable[PlannedTask]:
    """Return the tasks that are installed, as they would be now, and those that would be, too."""
    settings, found = schedule.settings, uses.look(schedule.settings)
    users = set(installed.values())
    for task in TASKS:
        is_there = task.id in installed
        if uses.reason_against(task, settings, found, everything=is_there):
            continue
        user = installed.get(task.id) or _user_for(task, users, settings, found)
        if user:
            yield plan_task(task, user, settings, schedule.command, is_own=schedule.format.is_own)


def _user_for(task: Task, users: set[str], settings: Settings, found: uses.Uses) -> str | None:
    """Return who would run a task that is missing; None for one who could not, or cannot be asked."""
    name = next(iter(users)) if len(users) == 1 else ROOT
    user, needs = runner.named(name), runner.needs_of(task, settings, found)
    return None if needs and (not _can_be_asked(user) or runner.find_lack(user, needs)) else name


def _name(schedule: Schedule, differing: Sequence[File], needless: Mapping[str, str]) -> str:
    """Say in what the schedule differs: which line is not as it would be now."""
    if not differing:
        return f"{', '.join(needless)} would not be installed now"
    file, installed = differing[0], {file.path: file.text for file in schedule.files}
    before, now = _first_difference(installed[file.path], file.text)
    return f"{file.path} is not as it would be now: it has {before!r}, and not {now!r}"


def _first_difference(text: str, wanted: str) -> tuple[str, str]:
    pairs = zip_longest(text.splitlines(), wanted.splitlines(), fillvalue="")
    before, now = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
    return before[:_SHOWN_CHARACTERS], now[:_SHOWN_CHARACTERS]
