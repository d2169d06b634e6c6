"""Look addresses up and stage what the files say."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from bangui_cli import clocks, staging, timestamps
from bangui_cli.entry import Entry
from bangui_cli.resolving.addresses import Tally
from bangui_cli.resolving.mmdb import Mmdb
from bangui_cli.resolving.records import Facts
from bangui_cli.store import Store

# Sorted in large chunks the rows of a batch lie side by side in the table; in batches of ten thousand
# the write lock is held for some 50 ms.
_CHUNK_ROWS = 200_000
_BATCH_ROWS = 10_000


def stage_resolved(
    store: Store,
    files: Sequence[Mmdb],
    ips: Iterable[str],
    tally: Tally,
    progress: Callable[[int], None],
) -> None:
    """Stage an entry for each address, without a country where no file has one."""
    ips = iter(ips)
    while chunk := sorted(islice(ips, _CHUNK_ROWS)):
        for start in range(0, len(chunk), _BATCH_ROWS):
            entries = _resolve(files, chunk[start : start + _BATCH_ROWS])
            staging.commit(store, entries)
            resolved = sum(entry.country_code is not None for entry in entries)
            tally.resolved += resolved
            tally.unresolved += len(entries) - resolved
            progress(tally.done)


def _resolve(files: Sequence[Mmdb], ips: Sequence[str]) -> list[Entry]:
    now = timestamps.to_text(clocks.wall_s())
    return [Entry(ip, *facts, now) for ip, facts in zip(ips, _look_up(files, ips), strict=True)]


def _look_up(files: Sequence[Mmdb], ips: Sequence[str]) -> list[Facts]:
    first, *others = files
    facts = first.look_up(ips)
    for file in others:
        facts = list(map(Facts.completed_by, facts, file.look_up(ips)))
    return facts
