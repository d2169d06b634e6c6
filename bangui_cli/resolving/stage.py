"""Look addresses up and stage what the files say."""

import gc
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from bangui_cli.access.staging import Staging
from bangui_cli.resolving.addresses import Tally
from bangui_cli.resolving.mmdb import Mmdb
from bangui_cli.resolving.records import Facts
from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry, pack

# Rows staged in the order of the table cost half as much: the more are sorted together, at 70 bytes an
# address, the fewer pages are written twice. A child process is paid for by many look-ups.
_CHUNK_ROWS = 1_000_000
_LOOKUP_ROWS = 100_000


class Found(NamedTuple):
    """An address that was looked up, and the files that said what is known of it."""

    entry: Entry
    files: list[str]


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
            now = timestamps.to_text(staging.now_s())
            _stage(staging, _resolve(files, chunk[start : start + _LOOKUP_ROWS], now), tally)
            progress(tally.done)


def stage_named(
    staging: Staging, files: Sequence[Mmdb], ips: Sequence[str], tally: Tally
) -> list[Found]:
    """Do so for a few addresses, and return what was found where."""
    if not ips:
        return []
    now = timestamps.to_text(staging.now_s())
    told = zip(*(file.look_up(ips) for file in files), strict=True)
    found = [_found(ip, files, facts, now) for ip, facts in zip(ips, told, strict=True)]
    _stage(staging, [entry for entry, _ in found], tally)
    return found


def _found(ip: str, files: Sequence[Mmdb], told: Sequence[Facts], now: str) -> Found:
    known = reduce(Facts.completed_by, told)
    country = (file.path for file, facts in zip(files, told, strict=True) if facts.country_code)
    network = (file.path for file, facts in zip(files, told, strict=True) if facts.has_network)
    return Found(Entry(ip, *known, now), list(dict.fromkeys([*islice(country, 1), *islice(network, 1)])))


def _resolve(files: Sequence[Mmdb], ips: Sequence[str], now: str) -> list[Entry]:
    facts = files[0].look_up(ips)
    for file in files[1:]:
        facts = list(map(Facts.completed_by, facts, file.look_up(ips)))
    return [Entry(ip, *known, now) for ip, known in zip(ips, facts, strict=True)]


def _stage(staging: Staging, entries: Sequence[Entry], tally: Tally) -> None:
    before = staging.staged_rows
    staging.pending += map(pack, entries)
    try:
        staging.commit()
    except BaseException:
        staging.save_pending()
        raise
    finally:
        # They are staged in the order of their addresses.
        staged = sorted(entries, key=attrgetter("ip"))[: staging.staged_rows - before]
        tally.staged += len(staged)
        tally.is_in_doubt |= staging.is_in_doubt
        tally.resolved += sum(entry.country_code is not None for entry in staged)
