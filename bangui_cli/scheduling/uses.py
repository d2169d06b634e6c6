"""What a host has a use for: a job that would find nothing to do there is left out, with the reason."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from bangui_cli.resolving import files
from bangui_cli.scheduling.tasks import FAIL2BAN, MMDB, TASKS, Task
from bangui_cli.settings.table import Settings
from bangui_cli.settings.values import NEVER
from bangui_cli.states.errors import BanguiError


class Uses(NamedTuple):
    """The files of a host that the jobs are for, if there are any.

    `obstacles` say of files to make what is in their way.
    """

    fail2ban_db: str | None
    mmdb_files: tuple[str, ...]
    obstacles: Mapping[str, str]


def look(settings: Settings, root: str = "") -> Uses:
    """See what there is under a root directory; a path that is set counts there as it is."""
    fail2ban_db = settings.fail2ban_db
    is_set = settings[FAIL2BAN].source != "default"
    outputs = filter(None, (task.output(settings) for task in TASKS))
    return Uses(
        fail2ban_db if is_set or may_exist(root + fail2ban_db) else None,
        _mmdb_files(settings, root),
        {path: obstacle for path in outputs if (obstacle := _obstacle(path, root))},
    )


def _obstacle(output: str, root: str) -> str | None:
    place = os.path.dirname(output)
    if os.path.isdir(root + output):
        return f"{output} is a directory, and not a file to write"
    if os.path.isfile(root + place):
        return f"{place} is a file, and no directory to write into"
    return None


def reason_against(task: Task, settings: Settings, uses: Uses, *, everything: bool) -> str | None:
    """Say why a task is not to be scheduled, None where it is; `everything`: also without a use yet."""
    if task.output_key and settings[task.output_key].value is None:
        return f"{task.output_key} is not set"
    if task.interval_s(settings) is None:
        return f"{task.interval_key} is {NEVER}"
    output = task.output(settings)
    if output and output in uses.obstacles:
        return uses.obstacles[output]
    return None if everything else _without_use(task, settings, uses)


def _without_use(task: Task, settings: Settings, uses: Uses) -> str | None:
    if task.needs == FAIL2BAN and uses.fail2ban_db is None:
        return f"there is no {settings.fail2ban_db}"
    if task.needs == MMDB and not uses.mmdb_files:
        named = ", ".join(settings.geoip_db)
        return (
            f"there is no {named}" if named else f"no MMDB file is in {' or '.join(files.DIRECTORIES)}"
        )
    return None


def may_exist(path: str) -> bool:
    """Tell whether a file is there, as far as this user can see: what is hidden may be there."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _mmdb_files(settings: Settings, root: str) -> tuple[str, ...]:
    try:
        paths = files.find_paths(settings.geoip_db, root)
    except BanguiError:
        return ()
    is_elsewhere = bool(settings.geoip_db and root)
    return tuple(path for path in paths if is_elsewhere or may_exist(path))
