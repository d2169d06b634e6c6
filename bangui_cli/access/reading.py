"""Read one consistent state of the database, changing nothing in it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bangui_cli.rules.entry import Entry, beats
from bangui_cli.store import Store, open_store


@contextmanager
def open_snapshot(database: str) -> Iterator[Store]:
    """Open the database inside one read transaction, its schema checked.

    It is opened for writing where that is allowed, so that SQLite can roll back the hot journal of a
    run that was killed.
    """
    with open_store(database) as store, store.snapshot():
        store.require_schema()
        yield store


def find_known(store: Store, ips: Sequence[str]) -> dict[str, Entry]:
    """Return what counts for each address, cached or still dirty; one that is unknown is left out."""
    cached, dirty = store.find_many(ips)
    known = {entry.ip: entry for entry in cached}
    for entry in dirty:
        if entry.ip not in known or beats(entry, known[entry.ip]):
            known[entry.ip] = entry
    return known
