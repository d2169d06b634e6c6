"""The store: everything that knows which database engine is below, and the only place with SQL.

`interface` says what an engine offers; here one is chosen by what `database_path` holds. Engines lie
side by side with the same file names, and nothing above imports from one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from bangui_cli.host.deadline import Deadline
from bangui_cli.rules.server_urls import is_server_url
from bangui_cli.states.errors import Unavailable, UsageFault
from bangui_cli.store.interface import (
    Batch,
    Decision,
    JobFinish,
    JobStart,
    Situation,
    Store,
)

__all__ = [
    "Batch",
    "Decision",
    "JobFinish",
    "JobStart",
    "Situation",
    "Store",
    "examine",
    "gives_up_rights",
    "initialise",
    "open_handover",
    "open_memory",
    "open_store",
    "open_upkeep",
    "owner_of",
    "place_of",
]

if TYPE_CHECKING:
    from bangui_cli.states.checks import Check
    from bangui_cli.store.handover import Handover
    from bangui_cli.store.memory import Memory
    from bangui_cli.store.places import Grant, Initialised, Place
    from bangui_cli.store.upkeep import Upkeep

State = TypeVar("State")


def open_store(database: str, deadline: Deadline | None = None, *, durable: bool = False) -> Store:
    """Open an existing database; with `durable`, a commit survives a power cut.

    From here on root is, for good, the user whose database it is: what only root may read or write is
    to be open by then. Without a deadline each single wait is bounded by 30 s. Raise NoDatabase,
    NotADatabase, PermissionRefused, Untrusted, ConfigInvalid, and what the engine refuses.
    """
    if is_server_url(database):
        with _driver():
            from bangui_cli.store.postgresql.store import PostgresqlStore

        return PostgresqlStore(database, deadline)
    from bangui_cli.store.sqlite.store import SqliteStore

    return SqliteStore(database, deadline, durable=durable)


def open_upkeep(database: str, deadline: Deadline | None = None, *, durable: bool = False) -> "Upkeep":
    """Open an existing database to tidy it up, as `open_store` does."""
    if is_server_url(database):
        with _driver():
            from bangui_cli.store.postgresql.upkeep import PostgresqlUpkeep

        return PostgresqlUpkeep(database, deadline)
    from bangui_cli.store.sqlite.upkeep import SqliteUpkeep

    return SqliteUpkeep(database, deadline, durable=durable)


def open_handover(
    database: str, deadline: Deadline | None = None, *, durable: bool = False
) -> "Handover":
    """Open an existing database to hand over what it holds, as `open_store` does."""
    if is_server_url(database):
        with _driver():
            from bangui_cli.store.postgresql.handover import PostgresqlHandover

        return PostgresqlHandover(database, deadline)
    from bangui_cli.store.sqlite.handover import SqliteHandover

    return SqliteHandover(database, deadline, durable=durable)


def open_memory(database: str, deadline: Deadline | None = None, *, durable: bool = False) -> "Memory":
    """Open an existing database with its history, as `open_store` does."""
    if is_server_url(database):
        with _driver():
            from bangui_cli.store.postgresql.memory import PostgresqlMemory

        return PostgresqlMemory(database, deadline)
    from bangui_cli.store.sqlite.memory import SqliteMemory

    return SqliteMemory(database, deadline, durable=durable)


def initialise(
    database: str, *, journal_mode: str | None, force: bool, grants: "Sequence[Grant]" = ()
) -> "Initialised":
    """Create or upgrade a database, root as in `open_store`; nothing happens to one that is current.

    Roles of a server get the rights of `grants`, with it or not at all. Raise UsageFault for what the
    engine does not have, CannotCreate, NotADatabase, SchemaNewer, ConfigInvalid, Untrusted, Unavailable,
    and what the engine refuses.
    """
    if is_server_url(database):
        with _driver():
            from bangui_cli.store.postgresql import migrations as of_server

        return of_server.initialise(database, journal_mode=journal_mode, force=force, grants=grants)
    if grants:
        raise UsageFault(f"{database} is a file, which has no roles", hint="grant rights on a server")
    from bangui_cli.store.sqlite import migrations

    return migrations.initialise(database, journal_mode=journal_mode, force=force)


def examine(database: str, look: Callable[[Store], State]) -> "tuple[list[Check], State | None]":
    """Check a database, changing nothing, root as in `open_store`.

    Return what `look` saw in a snapshot, too, if it can be read.
    """
    if is_server_url(database):
        return _examine_server(database, look)
    from bangui_cli.store.sqlite import checks

    return checks.examine(database, look)


def place_of(database: str) -> "Place":
    """Return where a database is, or would be, without looking at it."""
    if is_server_url(database):
        from bangui_cli.store.places import Place

        return Place(database, None, ())
    from bangui_cli.store.sqlite import opening

    return opening.place_of(database)


def owner_of(database: str) -> tuple[int, int] | None:
    """Return the IDs of the user whose file a database is, or would be, and of its group.

    Return None where it is no file.
    """
    if is_server_url(database):
        return None
    from bangui_cli.store.sqlite import custody

    return custody.owner_of(database)


def gives_up_rights(database: str) -> bool:
    """Tell whether to open a database makes root another user: what wants root's rights comes before."""
    if is_server_url(database):
        return False
    from bangui_cli.store.sqlite import custody

    return custody.future_owner(database) is not None


def _examine_server(url: str, look: Callable[[Store], State]) -> "tuple[list[Check], State | None]":
    from bangui_cli.states.checks import failed

    try:
        with _driver():
            from bangui_cli.store.postgresql import checks
    except Unavailable as state:
        return [failed("database_readable", state)], None
    return checks.examine(url, look)


@contextmanager
def _driver() -> Iterator[None]:
    """Import what comes with an extra. Raise Unavailable where that is missing, or broken."""
    try:
        yield
    except ImportError as error:
        if str(error.name).startswith("bangui_cli"):
            raise
        hint = "install the driver, where bangui is installed: pip install 'bangui-cli[postgresql]'"
        raise Unavailable(_want_of_driver(error), hint=hint) from None


def _want_of_driver(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"a database server needs the module {error.name}"
    return f"the driver for a database server cannot be loaded: {error}"
