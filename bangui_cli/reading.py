"""Read one consistent state of the database, changing nothing in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from bangui_cli.store import Store


@contextmanager
def open_snapshot(path: str) -> Iterator[Store]:
    """Open the database inside one read transaction, its schema checked.

    It is opened for writing where that is allowed, so that SQLite can roll back the hot journal of a
    run that was killed.
    """
    with Store(path) as store, store.snapshot():
        store.require_schema()
        yield store
