"""Write entries into the dirty set, so that they survive a power cut once the run has ended well."""

from collections.abc import Iterator
from contextlib import contextmanager

from bangui_cli.entry import Entry
from bangui_cli.store import Store


@contextmanager
def open_store(path: str) -> Iterator[Store]:
    """Open the database for staging, its schema checked."""
    with Store(path, sync_all=True) as store:
        with store.snapshot():
            store.require_schema()
        yield store


def commit(store: Store, entries: list[Entry]) -> None:
    """Stage entries in one transaction, in key order: random order costs several times as much."""
    entries.sort(key=_ip)
    with store.transaction():
        store.stage(entries)


def _ip(entry: Entry) -> str:
    return entry.ip
