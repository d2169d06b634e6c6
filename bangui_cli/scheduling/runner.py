"""As whom a task runs: the owner of the database, unless it needs something that is root's."""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import bangui_cli
from bangui_cli import store
from bangui_cli.host import identity
from bangui_cli.host.trust import ROOT_ID
from bangui_cli.scheduling.plan import ROOT
from bangui_cli.scheduling.tasks import FAIL2BAN, MMDB, Task
from bangui_cli.scheduling.uses import Uses, may_exist
from bangui_cli.settings.table import Settings
from bangui_cli.states.errors import NoInput, PermissionRefused, UsageFault
from bangui_cli.store.places import Place

# What stands in cron's user column, and behind User= of a unit.
USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class User(NamedTuple):
    """A user by whom things are asked for; without a name on this host there are the IDs."""

    name: str
    user_id: int
    group_id: int


class Need(NamedTuple):
    """A place that a task uses, the access that it needs there, and what the lack of it is in words."""

    path: str
    access: int
    words: str


class Runner(NamedTuple):
    """A user, and why it is root where the database is another's."""

    user: str
    reason: str | None = None


def named(name: str) -> User:
    """Return a user by the name. Raise UsageFault: for an unknown one cron ignores the whole file."""
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageFault(
            f"there is no user {name}", hint=f"create it: useradd --system {name}"
        ) from None
    return User(name, entry.pw_uid, entry.pw_gid)


def oneself() -> User:
    """Return who runs this process, by number where there is no name."""
    import pwd

    user_id = os.geteuid()
    try:
        return User(pwd.getpwuid(user_id).pw_name, user_id, os.getegid())
    except KeyError:
        return User(str(user_id), user_id, os.getegid())


def choose(database: Place, needs: Sequence[Need]) -> Runner:
    """Return who is to run what has these needs: the user whose the database is, if he can."""
    import pwd

    owner = store.owner_of(database.database)
    if owner is None or owner[0] == ROOT_ID:
        return Runner(ROOT)
    try:
        name = pwd.getpwuid(owner[0]).pw_name
    except KeyError:
        return Runner(ROOT, f"user {owner[0]}, whose database it is, has no name on this host")
    if not USER_NAME.fullmatch(name):
        return Runner(ROOT, f"{name!a}, whose database it is, is no name that a schedule can hold")
    lack = find_lack(User(name, *owner), needs)
    return Runner(ROOT, f"{name}, whose database it is, {lack}") if lack else Runner(name)


def needs_of_every_task(database: Place, config_path: str | None, program: str) -> list[Need]:
    """Return what a task needs, whichever it is."""
    needs = [
        _to_run(program),
        Need(os.path.dirname(bangui_cli.__file__), os.R_OK | os.X_OK, "cannot run what is in"),
    ]
    if config_path is not None:
        needs.append(Need(config_path, os.R_OK, "cannot read"))
    if database.directory is not None:
        needs.append(Need(database.directory, os.W_OK | os.X_OK, "cannot write"))
        if os.path.exists(database.database):
            needs.append(Need(database.database, os.R_OK | os.W_OK, "cannot write"))
    return needs


def needs_of(task: Task, settings: Settings, uses: Uses) -> list[Need]:
    """Return what a task needs besides: the files that it reads, the directory of the one it makes."""
    needs = []
    if task.needs == FAIL2BAN and uses.fail2ban_db and may_exist(uses.fail2ban_db):
        needs.append(Need(uses.fail2ban_db, os.R_OK, "cannot read"))
    if task.needs == MMDB:
        needs += [Need(path, os.R_OK, "cannot read") for path in uses.mmdb_files]
    output = task.output(settings)
    if output:
        needs.append(Need(os.path.dirname(output), os.W_OK | os.X_OK, "cannot write"))
    return needs


def require_runnable(program: str, user: User) -> None:
    """Raise NoInput where a program is missing, PermissionRefused where a user may not run it."""
    if not os.path.lexists(program):
        raise NoInput(
            f"there is no {program} to be scheduled",
            hint="install bangui there, or name the program with --command",
            path=program,
        )
    lack = find_lack(user, [_to_run(program)])
    if lack or not os.path.isfile(program):
        raise PermissionRefused(
            f"{user.name} {lack}" if lack else f"{program} is no program",
            hint="chmod a+rx FILE, and its directories; or name another program with --command",
            path=program,
        )


def require_all(user: User, needs: Sequence[Need]) -> None:
    """Raise PermissionRefused for the first place that a user lacks."""
    lack = find_lack(user, needs)
    if lack:
        raise PermissionRefused(
            f"{user.name} {lack}", hint="give it to that user, or name another one with --user"
        )


def find_lack(user: User, needs: Sequence[Need]) -> str | None:
    """Say in words what a user lacks, asked as that user; None where it is nothing."""

    def ask() -> int:
        lacks = (number for number, need in enumerate(needs) if not os.access(need.path, need.access))
        return next(lacks, len(needs))

    if user.user_id == os.geteuid():
        number: int | None = ask()
    else:
        number = identity.ask_as(user.user_id, user.group_id, ask)
    if number is None:
        return "cannot be asked by anybody but root"
    return f"{needs[number].words} {needs[number].path}" if number < len(needs) else None


def _to_run(program: str) -> Need:
    return Need(program, os.R_OK | os.X_OK, "cannot run")
