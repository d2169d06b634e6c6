"""The kinds of schedule that bangui writes: where each is, and what brings it to life."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from bangui_cli.scheduling import crontab, daemons, installing, systemctl, units, usertab
from bangui_cli.scheduling.plan import File, Plan
from bangui_cli.scheduling.systemctl import Commands
from bangui_cli.scheduling.tasks import Task
from bangui_cli.settings import config_file
from bangui_cli.states.errors import ConfigInvalid


class Format(NamedTuple):
    """One kind of schedule; `is_own` where it is the user's, and not the system's.

    `installed` is what is there of bangui's under a root directory, `install` replaces it and returns
    the paths that changed, `remove` those that were there. `start_path` leads to what says when a task
    starts. `activate` is left to do after an installation, `deactivate` before the removal, and
    `forget` where the files are gone already. `links` are there where files are enabled.
    """

    name: str
    is_own: bool
    render: Callable[[Plan], tuple[File, ...]]
    installed: Callable[[str], tuple[File, ...]]
    install: Callable[[Sequence[File], str, bool], list[str]]
    remove: Callable[[str], list[str]]
    start_path: Callable[[Task], str]
    cadence_s: Callable[[float], float]
    is_running: Callable[[], bool]
    hint_if_not_running: Callable[[], str]
    activate: Callable[[Sequence[File]], Commands] = systemctl.nothing
    deactivate: Callable[[Sequence[File]], Commands] = systemctl.nothing
    forget: Callable[[Sequence[File]], Commands] = systemctl.nothing
    links: Callable[[Sequence[File]], list[str]] = lambda _files: []


CRON = Format(
    name="cron",
    is_own=False,
    render=crontab.render,
    installed=partial(installing.read, (crontab.PATH,)),
    install=partial(installing.install, (crontab.PATH,)),
    remove=partial(installing.remove, (crontab.PATH,)),
    start_path=lambda _task: crontab.PATH,
    cadence_s=crontab.cadence_s,
    is_running=daemons.cron_is_running,
    hint_if_not_running=daemons.hint_to_start_cron,
)
OWN_CRON = CRON._replace(
    is_own=True,
    render=usertab.render,
    installed=usertab.installed,
    install=usertab.install,
    remove=usertab.remove,
    start_path=lambda _task: usertab.path(),
)


def systemd(directory: str = units.SYSTEM_DIRECTORY, *options: str) -> Format:
    """Return the units of a systemd in a directory; `options` lead systemctl to it."""
    paths, links = units.paths(directory), units.links(directory)
    return Format(
        name="systemd",
        is_own=bool(options),
        render=partial(units.render, directory),
        installed=partial(installing.read, paths),
        install=partial(installing.install, paths, links=links),
        remove=partial(installing.remove, paths, links=tuple(links.values())),
        start_path=lambda task: f"{directory}/{units.name(task, 'timer')}",
        cadence_s=lambda interval_s: interval_s,
        is_running=daemons.systemd_is_running,
        hint_if_not_running=daemons.hint_to_start_systemd,
        activate=partial(systemctl.activate, options),
        deactivate=partial(systemctl.deactivate, options),
        forget=partial(systemctl.forget, options),
        links=lambda files: [links[file.path] for file in files if file.path in links],
    )


SYSTEMD = systemd()
NAMES = (CRON.name, SYSTEMD.name)
OF_SYSTEM = (CRON, SYSTEMD)


def all_of(environment: Mapping[str, str], *, is_own: bool) -> tuple[Format, Format]:
    """Return the kinds of schedule of the system, or those of this user.

    Raise ConfigInvalid where a user has no home for units.
    """
    if not is_own:
        return OF_SYSTEM
    home = config_file.base_directory(environment, "XDG_CONFIG_HOME", ".config")
    if home is None:
        raise ConfigInvalid(
            "no place for the units of this user: HOME is not set to an absolute path", hint="set HOME"
        )
    runs = partial(daemons.own_systemd_is_running, environment.get("XDG_RUNTIME_DIR"))
    own = systemd(f"{home}/systemd/user", "--user")
    return OWN_CRON, own._replace(is_running=runs, hint_if_not_running=daemons.hint_to_start_own_systemd)
