"""Look addresses up and stage what the files say."""

import gc
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from bangui_cli.access.staging import Staging
from bangui_cli.host import clocks
from bangui_cli.resolving.addresses import Tally
from bangui_cli.resolving.mmdb import Mmdb
from bangui_cli.resolving.records import Facts
from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry, pack

# Rows staged in the order of the table cost half as much: the more are sorted together, at 70 bytes an
# address, the fewer pages are written twice. A child process is paid for by many look-ups.
_CHUNK_ROWS = 1_000_000
_LOOKUP_ROWS = 100_000


def stage_resolved(
    staging: Staging,
    files: Sequence[Mmdb],
    ips: Iterable[str],
    tally: Tally,
    progress: Callable[[int], None],
) -> None:
    """Stage an entry for each address, without a country where no file has one."""
    # No cycles are made here, and many tuples: the collector would find nothing, over and over.
    gc.disable()
    ips = iter(ips)
    while chunk := sorted(islice(ips, _CHUNK_ROWS)):
        for start in range(0, len(chunk), _LOOKUP_ROWS):
            entries = _resolve(files, chunk[start : start + _LOOKUP_ROWS])
            staging.pending += map(pack, entries)
            staging.commit()
            tally.staged += len(entries)
            tally.resolved += sum(entry.country_code is not None for entry in entries)
            progress(tally.done)


def _resolve(files: Sequence[Mmdb], ips: Sequence[str]) -> list[Entry]:
    now = timestamps.to_text(clocks.wall_s())
    facts = files[0].look_up(ips)
    for file in files[1:]:
        facts = list(map(Facts.completed_by, facts, file.look_up(ips)))
    return [Entry(ip, *known, now) for ip, known in zip(ips, facts, strict=True)]
