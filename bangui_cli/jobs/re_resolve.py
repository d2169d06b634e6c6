"""The job `geo_re_resolve`: look up again what the cache holds without a country, or from old files."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import cast

from bangui_cli.access.staging import Staging
from bangui_cli.jobs.catalogue import OK
from bangui_cli.jobs.run import Run
from bangui_cli.resolving.addresses import Tally
from bangui_cli.resolving.freshness import Freshness, up_to_date
from bangui_cli.resolving.mmdb import Mmdb
from bangui_cli.resolving.stage import stage_resolved
from bangui_cli.rules.validation import is_normal_ip
from bangui_cli.states import events
from bangui_cli.store.handover import Handover

# Between two chunks the run looks at its deadline.
_CHUNK_ROWS = 20_000


def re_resolve(
    run: Run, files: Sequence[Mmdb], max_age_s: float, progress: Callable[[int], None]
) -> None:
    """Stage what the files know of cached addresses that are out of date; the flush decides.

    Raise DeadlineExceeded, MmdbUnusable and what the store raises; what was staged before is kept.
    """
    store, counts, tally = cast("Handover", run.store), run.report.counts, Tally()
    now_s = store.now().wall_s
    fresh = up_to_date(max_age_s, [file.made_s(now_s) for file in files], now_s)
    with store.bulk_staging():
        ips = _outdated(store, fresh, tally)
        while chunk := list(islice(ips, _CHUNK_ROWS)):
            run.deadline.check()
            stage_resolved(Staging(store), files, chunk, tally, progress)
            counts |= {"read": tally.read, "staged": tally.staged, "resolved": tally.resolved}
    counts["read"] = tally.read
    run.record_alone(OK, tally.staged)
    if tally.staged:
        duration_s = run.report.duration_s()
        run.invocation.log.emit_end(events.RE_RESOLVE_RAN, OK, **counts, duration_s=duration_s)


def _outdated(store: Handover, fresh: Freshness, tally: Tally) -> Iterator[str]:
    """Yield the addresses that are to be looked up again, of one state, in bounded memory.

    What another program has cached under a text that is no address is passed over: no file knows it,
    and it may not be staged.
    """
    for entry in store.export_cache(""):
        tally.read += 1
        if not fresh.holds(entry) and is_normal_ip(entry.ip):
            yield entry.ip
