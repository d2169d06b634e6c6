"""Count the bans that bangui remembers. What takes the store wants a snapshot."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bangui_cli.reporting.selection import Selection, Sources
from bangui_cli.reporting.summary import (
    ADDRESS,
    Report,
    summarise,
    summarise_addresses,
    summarise_times,
)
from bangui_cli.rules import local_times
from bangui_cli.rules.rereading import Copied
from bangui_cli.states.errors import UsageFault
from bangui_cli.store import Store
from bangui_cli.store.bans import EVERY_BAN, Ban, BanFilter


class Counted(NamedTuple):
    """What the memory of bans has answered; where addresses are left out, with the total.

    On a server more may be recorded between two questions: rows can be of more bans than the total.
    """

    rows: Iterable[Any]
    total: int = 0


# A quarter of an hour by the wall clock; None for a time that no calendar tells.
Quarter = float | None


def read_bans(store: Store, selection: Selection, by: str, top: int | None, now_s: float) -> Counted:
    """Count bans by any key, for `summarise_bans`."""
    which = selection.as_filter(now_s)
    if by == ADDRESS:
        copied = store.bans.copy_by_address(which, top)
        is_all = top is None or len(copied) < top
        return Counted(copied, 0 if is_all else store.bans.extent(which).bans)
    if by in local_times.UNITS:
        return Counted(store.bans.count_over_time(which))
    return Counted(store.bans.count_by(by, which))


def summarise_bans(
    counted: Counted, selection: Selection, by: str, top: int | None, now_s: float
) -> Report:
    """Lay out what `read_bans` has counted. Raise UsageFault for more hours than anybody reads."""
    if by == ADDRESS:
        return summarise_addresses(counted.rows, counted.total)
    if by not in local_times.UNITS:
        return summarise(by, counted.rows, top)
    quarters: Counter[Quarter] = Counter()
    for start_s, _, bans in counted.rows:
        quarters[start_s] += bans
    return by_time(quarters, selection, by, top, now_s)


def read_newest(store: Store, which: BanFilter, limit_rows: int) -> tuple[Copied[Ban], int]:
    """Return so many bans at most, the newest first, and how many are left out."""
    bans = store.bans.copy_newest(which, limit_rows)
    if len(bans) < limit_rows:
        return bans, 0
    return bans, max(store.bans.extent(which).bans - len(bans), 0)


def find_sources(store: Store, selection: Selection) -> Sources:
    """Return the sources that have bans, of the kinds that a selection names."""
    return Sources(
        jails=_keys(store, "jail") if selection.jails else (),
        instances=_keys(store, "instance") if selection.instances else (),
    )


def _keys(store: Store, source: str) -> tuple[str, ...]:
    return tuple(sorted(str(key) for key, _, _ in store.bans.count_by(source, EVERY_BAN)))


def by_time(
    counted: Mapping[Quarter, int], selection: Selection, unit: str, top: int | None, now_s: float
) -> Report:
    """Add quarters of an hour up to hours, days, weeks or months of local time, the empty ones, too.

    They go from the first ban to the last, and where it is said since when to count, from there to now.
    """
    counts: Counter[str | None] = Counter()
    told: list[float] = []
    for start_s, bans in counted.items():
        key = _key(unit, start_s)
        counts[key] += bans
        if key is not None and start_s is not None:
            told.append(start_s)
    try:
        keys = local_times.keys(unit, *ends) if (ends := _ends(told, selection, now_s)) else []
    except ValueError as error:
        raise UsageFault(str(error), hint="narrow it down with --since and --until") from None
    return summarise_times(unit, counts, keys, top)


def _ends(told: list[float], selection: Selection, now_s: float) -> tuple[float, float] | None:
    """Return the first and the last moment to have a row."""
    if selection.since_s is not None:
        until_s = now_s if selection.until_s is None else min(selection.until_s - 0.001, now_s)
        told = [*told, selection.since_s, max(until_s, selection.since_s)]
    return (min(told), max(told)) if told else None


def _key(unit: str, start_s: Quarter) -> str | None:
    try:
        return None if start_s is None else local_times.key(unit, start_s)
    except (ValueError, OverflowError, OSError):
        return None
