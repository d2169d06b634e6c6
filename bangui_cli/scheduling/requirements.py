"""What a schedule on this host wants, before it is written."""

import os

from bangui_cli.scheduling import program, runner, uses
from bangui_cli.scheduling.plan import ROOT, Command, Plan
from bangui_cli.settings import config_file
from bangui_cli.states.errors import NoDatabase, PermissionRefused


def require_usable(plan: Plan, command: Command) -> None:
    """Raise what keeps the jobs from working: NoInput, PermissionRefused, UsageFault or NoDatabase."""
    for name in dict.fromkeys(planned.user for planned in plan.tasks):
        runner.require_runnable(
            command.words[0], runner.oneself() if plan.is_own else runner.named(name)
        )
    program.require_found(command.words)
    place = plan.database
    if place.directory is not None and not uses.may_exist(place.database):
        raise NoDatabase(f"no database at {place.database}", path=place.database)


def doubts(plan: Plan, command: Command) -> list[PermissionRefused]:
    """Return why root is not to obey each minute the settings and the program, if so."""
    if os.geteuid() != 0:
        return []
    path = command.config_path
    found: list[PermissionRefused | None] = [config_file.doubt(path) if path else None]
    found += [program.doubt(command.words) if any(each.user == ROOT for each in plan.tasks) else None]
    return [state for state in found if state]
