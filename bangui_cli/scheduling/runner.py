"""As whom the jobs run: the owner of the database, unless they need something that is root's."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import bangui_cli
from bangui_cli import store
from bangui_cli.host import identity
from bangui_cli.host.trust import ROOT_ID
from bangui_cli.scheduling.plan import ROOT
from bangui_cli.store.places import Place


class Runner(NamedTuple):
    """A user, and why it is root where the database is another's."""

    user: str
    reason: str | None = None


class Need(NamedTuple):
    """A place that a job uses, the access that it needs there, and what that is in words."""

    path: str
    access: int
    words: str


def choose(database: Place, config_path: str | None, program: str) -> Runner:
    """Return who is to run the jobs on a database: the user whose it is, if he can."""
    import pwd

    owner = store.owner_of(database.database)
    if owner is None or owner[0] == ROOT_ID:
        return Runner(ROOT)
    try:
        name = pwd.getpwuid(owner[0]).pw_name
    except KeyError:
        return Runner(ROOT, f"user {owner[0]}, whose database it is, has no name on this host")
    missing = _first_missing(*owner, _needs(database, config_path, program))
    return Runner(ROOT, f"{name}, whose database it is, {missing}") if missing else Runner(name)


def _needs(database: Place, config_path: str | None, program: str) -> list[Need]:
    needs = [
        Need(program, os.R_OK | os.X_OK, "cannot run"),
        Need(os.path.dirname(bangui_cli.__file__), os.R_OK | os.X_OK, "cannot run what is in"),
    ]
    if config_path is not None:
        needs.append(Need(config_path, os.R_OK, "cannot read"))
    if database.directory is not None:
        needs.append(Need(database.directory, os.W_OK | os.X_OK, "cannot write"))
    if os.path.exists(database.database):
        needs.append(Need(database.database, os.R_OK | os.W_OK, "cannot write"))
    return needs


def _first_missing(user_id: int, group_id: int, needs: Sequence[Need]) -> str | None:
    """Say in words what a user lacks, asked as that user."""

    def ask() -> int:
        lacks = (number for number, need in enumerate(needs) if not os.access(need.path, need.access))
        return next(lacks, len(needs))

    number = ask() if user_id == os.geteuid() else identity.ask_as(user_id, group_id, ask)
    if number is None:
        return "cannot be asked by anybody but root"
    return f"{needs[number].words} {needs[number].path}" if number < len(needs) else None
