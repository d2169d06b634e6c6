"""The store: everything that knows which database engine is below, and the only place with SQL.

`interface` says what an engine offers; here one is chosen by what `database_path` holds. Engines lie
side by side with the same file names, and nothing above imports from one.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from bangui_cli.host.deadline import Deadline
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
    "open_memory",
    "open_store",
    "owner_of",
    "place_of",
]

if TYPE_CHECKING:
    from bangui_cli.states.checks import Check
    from bangui_cli.store.memory import Memory
    from bangui_cli.store.places import Initialised, Place

State = TypeVar("State")


def open_store(database: str, deadline: Deadline | None = None, *, durable: bool = False) -> Store:
    """Open an existing database; with `durable`, a commit survives a power cut.

    From here on root is, for good, the user whose database it is: what only root may read or write is
    to be open by then. Without a deadline each single wait is bounded by 30 s. Raise NoDatabase,
    NotADatabase, PermissionRefused, Untrusted, ConfigInvalid, and what the engine refuses.
    """
    from bangui_cli.store.sqlite.store import SqliteStore

    return SqliteStore(database, deadline, durable=durable)


def open_memory(database: str, deadline: Deadline | None = None, *, durable: bool = False) -> "Memory":
    """Open an existing database with its history, as `open_store` does."""
    from bangui_cli.store.sqlite.memory import SqliteMemory

    return SqliteMemory(database, deadline, durable=durable)


def initialise(database: str, *, journal_mode: str | None, force: bool) -> "Initialised":
    """Create or upgrade a database, root as in `open_store`; nothing happens to one that is current.

    Raise CannotCreate, NotADatabase, SchemaNewer, ConfigInvalid, Untrusted, Unavailable, and what the
    engine refuses.
    """
    from bangui_cli.store.sqlite import migrations

    return migrations.initialise(database, journal_mode=journal_mode, force=force)


def examine(database: str, look: Callable[[Store], State]) -> "tuple[list[Check], State | None]":
    """Check a database, changing nothing, root as in `open_store`.

    Return what `look` saw in a snapshot, too, if it can be read.
    """
    from bangui_cli.store.sqlite import checks

    return checks.examine(database, look)


def place_of(database: str) -> "Place":
    """Return where a database is, or would be, without looking at it."""
    from bangui_cli.store.sqlite import opening

    return opening.place_of(database)


def owner_of(database: str) -> tuple[int, int] | None:
    """Return the IDs of the user whose file a database is, or would be, and of its group.

    Return None where it is no file.
    """
    from bangui_cli.store.sqlite import custody

    return custody.owner_of(database)


def gives_up_rights(database: str) -> bool:
    """Tell whether to open a database makes root another user: what wants root's rights comes before."""
    from bangui_cli.store.sqlite import custody

    return custody.future_owner(database) is not None
