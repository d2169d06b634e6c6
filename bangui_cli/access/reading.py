"""Read one consistent state of the database, changing nothing in it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

from bangui_cli.host import clocks
from bangui_cli.rules import entry as rule
from bangui_cli.rules.entry import Entry, latest_believable
from bangui_cli.store import Store, open_store


@contextmanager
def open_snapshot(database: str) -> Iterator[Store]:
    """Open the database inside one read transaction, its schema checked.

    It is opened for writing where that is allowed, so that SQLite can roll back the hot journal of a
    run that was killed.
    """
    with open_store(database) as store, one_state(store):
        yield store


@contextmanager
def one_state(store: Store) -> Iterator[None]:
    """Read one state of an open database, its schema checked; what was copied can be read behind it."""
    with store.snapshot():
        store.require_schema()
        yield


def find_known(store: Store, ips: Sequence[str]) -> dict[str, Entry]:
    """Return what counts for each address, cached or still dirty; one that is unknown is left out."""
    return merge_all({}, chain(*store.find_many(ips)))


def merge_all(known: Mapping[str, Entry], entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return what counts for each address once entries have come to what is known, in their order."""
    latest = latest_believable(clocks.wall_s())
    return rule.merge_all(chain(known.values(), entries), latest)
