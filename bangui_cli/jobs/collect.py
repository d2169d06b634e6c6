"""The job `history_sync`: remember fail2ban's bans, and stage what is known of their addresses.

What is recorded and how far it was read are one transaction, so that each ban counts once whenever a run
ends. A mark that another run has moved since is read again.
"""

import gc
from collections.abc import Callable, Sequence

from bangui_cli.fail2ban.bans import Page
from bangui_cli.jobs.catalogue import OK
from bangui_cli.jobs.run import Run
from bangui_cli.resolving.resolver import Resolver
from bangui_cli.rules import ban, timestamps, watermark
from bangui_cli.rules.ban import Ban
from bangui_cli.rules.validation import Rejected
from bangui_cli.rules.watermark import Mark
from bangui_cli.states import events
from bangui_cli.store.memory import Recorded

# What is sorted and written together: the more, the fewer pages of the index of addresses are written
# twice. These take 80 MiB at most, where a first run finds as many.
_BATCH_ROWS = 75_000
# So many addresses of the history are looked at in each run, in case one was lost, and so many at once
# where one is known to be.
_SOME_ADDRESSES, _MANY_ADDRESSES = 500, 5_000

Read = Callable[[Mark], Page]


class _Place:
    """How far the instance of a run is with its bans, as the database has it.

    `owed` tells whether addresses of the history were left unresolved before this run, or beside it.
    """

    def __init__(self, run: Run) -> None:
        self._memory, self._instance = run.memory, run.settings.instance
        self._oldest = _oldest(run)
        self._text: str | None = None
        self.mark = Mark()
        self.owed = False
        self._look()

    def move(self, bans: Sequence[Ban], mark: Mark) -> Recorded | None:
        """Record bans with the mark behind them; None, and look again, where another run was faster."""
        text = watermark.pack(mark)
        recorded = self._memory.record_bans(self._instance, bans, self._text, text)
        if recorded is None:
            self._look()
        else:
            self.mark, self._text = mark, text
        return recorded

    def _look(self) -> None:
        with self._memory.snapshot():
            self._text = self._memory.collect_mark(self._instance)
        self.mark = watermark.reaching_back(watermark.unpack(self._text), self._oldest)
        self.owed = self.owed or self.mark.owes


class _Batch:
    """What is recorded together: the bans from a time on as they were read, and how far that was.

    `skipped` counts the rows that are no ban, `left` is the time of the latest that is older, "" for
    none.
    """

    def __init__(self, mark: Mark, oldest: str) -> None:
        self.bans: list[Ban] = []
        self.mark, self._oldest = mark, oldest
        self.read, self.skipped, self.left = 0, 0, ""
        self.is_last = False

    def add(self, page: Page) -> None:
        """Add the bans of the next page."""
        for raw in page.bans:
            try:
                each = ban.normalise(raw)
            except Rejected:
                self.skipped += 1
                continue
            if each.banned_at >= self._oldest:
                self.bans.append(each)
            else:
                self.left = max(self.left, each.banned_at)
        self.read += len(page.bans)
        self.mark, self.is_last = page.mark, page.is_last


def collect(run: Run, read: Read, resolver: Resolver | None) -> None:
    """Record the bans behind the mark, and stage what the files know of their addresses.

    Raise what the reading raises, and at the end what is wrong with the files.
    """
    with run.memory.snapshot():
        run.memory.require_schema()
    # No cycles are made here, and many tuples: the collector would find nothing, over and over.
    gc.disable()
    with run.memory.bulk_staging():
        place = _Place(run)
        _record_all(run, place, read, resolver)
        if resolver:
            _catch_up(run, place, resolver)
    counts = run.report.counts
    run.record_alone(OK, counts["recorded"])
    if counts["recorded"] or counts["updated"]:
        run.invocation.log.emit_end(events.COLLECT_RAN, OK, **counts, duration_s=run.report.duration_s())


def _record_all(run: Run, place: _Place, read: Read, resolver: Resolver | None) -> None:
    is_done = False
    while not is_done:
        batch = _read_batch(run, place.mark, read)
        is_done = _record(run, place, batch, resolver) and batch.is_last


def _read_batch(run: Run, mark: Mark, read: Read) -> _Batch:
    """Return what the pages behind a mark hold, as one."""
    batch = _Batch(mark, _oldest(run))
    while not batch.is_last and batch.read < _BATCH_ROWS:
        run.deadline.check()
        batch.add(read(batch.mark))
    return batch


def _record(run: Run, place: _Place, batch: _Batch, resolver: Resolver | None) -> bool:
    """Record what was read; return False, having done nothing, where it has to be read again."""
    mark = batch.mark._replace(
        owes=batch.mark.owes or bool(batch.bans), left=max(batch.mark.left, batch.left)
    )
    recorded = Recorded(0, 0) if mark == place.mark else place.move(ban.each_once(batch.bans), mark)
    if recorded is None:
        return False
    _count(run, read=batch.read, recorded=recorded.new, updated=recorded.changed, skipped=batch.skipped)
    if resolver:
        resolver.stage_stale(run.memory, {each.ip for each in batch.bans})
        _count_resolved(run, resolver)
    return True


def _oldest(run: Run) -> str:
    retention_s = run.settings.history_retention
    if retention_s is None:
        return ""
    return timestamps.to_text(max(run.store.now().wall_s - retention_s, 0.0))


def _catch_up(run: Run, place: _Place, resolver: Resolver) -> None:
    """Stage addresses of the history that nobody knows: some in each run, all where some are owed."""
    after = "" if place.owed else place.mark.swept
    is_done = False
    while not is_done:
        run.deadline.check()
        after = _stage_unknown(run, after, resolver, _MANY_ADDRESSES if place.owed else _SOME_ADDRESSES)
        is_done = not (place.owed and after)
    if resolver.failure:
        raise resolver.failure
    mark = place.mark._replace(swept=after, owes=False)
    if mark != place.mark:
        place.move([], mark)


def _stage_unknown(run: Run, after: str, resolver: Resolver, addresses: int) -> str:
    """Return up to where was looked, "" being the end."""
    with run.memory.snapshot():
        unknown, through = run.memory.find_unknown(run.settings.instance, after, addresses)
    resolver.stage_unknown(run.memory, unknown)
    _count_resolved(run, resolver)
    return through or ""


def _count(run: Run, **more: int) -> None:
    for key, count in more.items():
        run.report.counts[key] = (run.report.counts[key] or 0) + count


def _count_resolved(run: Run, resolver: Resolver) -> None:
    run.report.counts |= {"staged": resolver.tally.staged, "resolved": resolver.tally.resolved}
