"""Where a database is, and what `init` made there."""

from typing import NamedTuple


class Place(NamedTuple):
    """Where a database is, for whoever schedules jobs on it or writes files beside it.

    `database` is what leads there from any directory. `directory` is None where there is no file;
    `files` are those that are the engine's alone.
    """

    database: str
    directory: str | None
    files: tuple[str, ...]


class Grant(NamedTuple):
    """A role of a server that is to have least rights: those of a "reader", "stager" or "writer"."""

    kind: str
    role: str


class Initialised(NamedTuple):
    """What `init` found and did."""

    path: str
    created: bool
    adopted: bool
    migrations_applied: list[str]
    journal_mode: str | None
