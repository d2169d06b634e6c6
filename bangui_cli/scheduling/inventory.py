"""Which schedules are installed, what they start, and on which database their jobs work."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bangui_cli.scheduling import formats, looking_back
from bangui_cli.scheduling.formats import Format
from bangui_cli.scheduling.looking_back import Started
from bangui_cli.scheduling.plan import ROOT, Command, File, database_of
from bangui_cli.settings.table import Settings, Sourced
from bangui_cli.states.errors import PermissionRefused, Unavailable

# What an installation was given as options, by the key of the setting.
_OPTIONS = {"database_path": "--database", "instance": "--instance"}

# Load the settings, and the path of their file, by what the lines of a schedule were given.
Load = Callable[[Mapping[str, Sourced], str | None], tuple[Settings, str | None]]


class Schedule(NamedTuple):
    """An installed schedule, read back, and the settings that its jobs were given."""

    format: Format
    files: tuple[File, ...]
    started: tuple[Started, ...]
    command: Command
    settings: Settings

    @property
    def database(self) -> str:
        """Return what its jobs work on."""
        return database_of(self.settings, is_own=self.format.is_own).database

    def is_on(self, database: str) -> bool:
        """Tell whether its jobs work on a database."""
        return os.path.realpath(self.database) == os.path.realpath(database)


def read(format_: Format, files: tuple[File, ...], load: Load) -> Schedule:
    """Read a schedule back. Raise what its settings raise."""
    started = tuple(looking_back.read(format_, files))
    first = started[0] if started else Started(None, ROOT, ("bangui",))
    given = {
        key: Sourced(value, f"flag {option}")
        for key, option in _OPTIONS.items()
        if (value := first.value(option)) is not None
    }
    settings, config_path = load(given, first.value("--config"))
    return Schedule(
        format_, files, started, Command(first.command, config_path, first.variables), settings
    )


def find(load: Load, database: str, kinds: Sequence[Format], root: str = "") -> Iterator[Schedule]:
    """Yield what is installed; to an ordinary user the system's matters on his database alone.

    Raise BadData, and what the settings of a schedule raise.
    """
    for kind in kinds:
        try:
            files = kind.installed(root)
        except (PermissionRefused, Unavailable):  # whoever has no crontab may have no crontab(1), either
            continue
        if not files:
            continue
        schedule = read(kind, files, load)
        if kind.is_own or os.geteuid() == 0 or schedule.is_on(database):
            yield schedule


def kinds_of_this_user(environment: Mapping[str, str]) -> Sequence[Format]:
    """Return the kinds of schedule that there may be: an ordinary user's own, then the system's."""
    if os.geteuid() == 0:
        return formats.OF_SYSTEM
    return (*formats.all_of(environment, is_own=True), *formats.OF_SYSTEM)


def since_s(schedule: Schedule) -> float | None:
    """Return when a schedule was installed, None where crontab(1) alone knows."""
    try:
        return max(os.stat(file.path).st_mtime for file in schedule.files)
    except OSError:
        return None
