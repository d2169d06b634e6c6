"""What of the host decides how the work is to be judged; root looks before it gives up its rights."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from bangui_cli.jobs.catalogue import JOBS
from bangui_cli.resolving import files, mmdb
from bangui_cli.rules import timestamps
from bangui_cli.scheduling import inventory, uses
from bangui_cli.scheduling.tasks import TASKS
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings
from bangui_cli.states.errors import BanguiError

_LAST_S = timestamps.to_wall_s("9999-12-31")


class Outlook(NamedTuple):
    """The jobs that are scheduled here, since when, if that is known, and those that are of use here.

    `mmdb_files` are the MMDB files, each with when it was built, if that can be read.
    """

    scheduled: Mapping[str, float | None]
    useful: frozenset[str]
    mmdb_files: Mapping[str, float | None]


EVERYTHING = Outlook({}, frozenset(job.id for job in JOBS), {})


def look(invocation: Invocation) -> Outlook:
    """Look at schedules, neighbours and files; what cannot be looked at is not there."""
    settings = invocation.unchecked_settings
    found = uses.look(settings)
    useful = [
        task.id for task in TASKS if not uses.reason_against(task, settings, found, everything=False)
    ]
    return Outlook(_scheduled(invocation), frozenset(useful), _mmdb_files(settings))


def _scheduled(invocation: Invocation) -> dict[str, float | None]:
    """Return what is started on the database of this run, each with when that was installed."""
    database = invocation.unchecked_settings.database_path
    try:
        kinds = inventory.kinds_of_this_user(invocation.environment)
        schedules = list(inventory.find(invocation.settings_given, database, kinds))
    except BanguiError:  # doctor says so
        return {}
    return {
        started.task.id: inventory.since_s(schedule)
        for schedule in schedules
        if schedule.is_on(database)
        for started in schedule.started
        if started.task
    }


def _mmdb_files(settings: Settings) -> dict[str, float | None]:
    try:
        paths = files.find_paths(settings.geoip_db)
    except BanguiError:
        return {}
    return {path: _built_s(path) for path in paths}


def _built_s(path: str) -> float | None:
    try:
        file = mmdb.open_file(path)
    except BanguiError:
        return None
    os.close(file.descriptor)
    return file.built_s if file.built_s < _LAST_S else None
