"""Count what is known of addresses, or the bans of fail2ban's own database."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from bangui_cli.access import reading
from bangui_cli.fail2ban import counting
from bangui_cli.fail2ban import database as fail2ban
from bangui_cli.fail2ban.addresses import first_address
from bangui_cli.fail2ban.counting import Asked, Moments
from bangui_cli.reporting.history import by_time
from bangui_cli.reporting.selection import Selection, Sources
from bangui_cli.reporting.summary import ADDRESS, Report, describe, summarise, summarise_addresses
from bangui_cli.rules import local_times, networks, timestamps
from bangui_cli.rules.entry import Entry
from bangui_cli.rules.validation import Rejected
from bangui_cli.store import Store
from bangui_cli.store.bans import ORIGINS, BannedAddress, Counted

_LOOKUP_ROWS = 5_000
_JAIL = "jail"
_BY = {_JAIL: counting.JAIL} | dict.fromkeys(local_times.UNITS, counting.TIME)


def count_addresses(store: Store, by: str) -> Iterable[Counted]:
    """Count the addresses in the cache, each once. Wants a snapshot."""
    yield from store.count_by(by)
    # A second row of an address, in another spelling, is no second address.
    others = store.find_spelt_otherwise()
    rows = store.find_many(sorted({entry.ip for entry in others}))[0] if others else []
    for entry in rows:
        yield *describe(entry, by), -1
    for entry in reading.merge_all({}, rows).values():
        yield *describe(entry, by), 1


def read_bans(path: str, selection: Selection, by: str, now_s: float) -> Mapping[Any, Any]:
    """Count fail2ban's bans, by address where their origin is asked for, for `summarise_bans`."""
    asked = Asked(selection.jails, selection.since_s, selection.until_s)
    if selection.active:
        return _count_active(counting.list_active(path, now_s, asked), by)
    if by == ADDRESS:
        return counting.list_moments(path, asked)
    return counting.count_bans(path, _BY.get(by, counting.ADDRESS), asked)


def _count_active(active: Mapping[tuple[str | None, str | None], Any], by: str) -> Mapping[Any, Any]:
    if by == ADDRESS:
        return _together((ip, Moments(1, at_s, at_s)) for (ip, _), at_s in active.items())
    if by in local_times.UNITS:
        return Counter(map(counting.quarter_s, active.values()))
    return Counter(jail if by == _JAIL else ip for ip, jail in active)


def summarise_bans(
    store: Store,
    counted: Mapping[Any, Any],
    selection: Selection,
    by: str,
    top: int | None,
    now_s: float,
) -> Report:
    """Lay out what `read_bans` has counted. Wants a snapshot. Raise UsageFault for too many hours."""
    if by in ORIGINS:
        return summarise(by, _count_origins(store, counted, by), top)
    if by == ADDRESS:
        total = sum(moments.bans for moments in counted.values())
        unknown = counted[None].bans if None in counted else 0
        return summarise_addresses(list(_most_banned(store, counted, top)), total, unknown)
    if by == _JAIL:
        return summarise(by, ((jail, None, bans) for jail, bans in counted.items()), top)
    return by_time(counted, selection, by, top, now_s)


def read_sources(path: str, selection: Selection) -> Sources:
    """Return the jails that have bans in fail2ban's database, if a selection names any."""
    return Sources(jails=tuple(fail2ban.read_jails(path)) if selection.jails else ())


def _count_origins(store: Store, bans: Mapping[str | None, int], by: str) -> Iterable[Counted]:
    """Say what each address that was banned counts for, and how often.

    A network counts for its first address. Nonsense, or NULL, is a ban all the same, of unknown origin.
    """
    remaining = iter(bans.items())
    while some := list(islice(remaining, _LOOKUP_ROWS)):
        known = _find_known(store, [text for text, _ in some if text is not None])
        for text, count in some:
            yield *describe(known.get(text) if text else None, by), count


def _find_known(store: Store, texts: Iterable[str]) -> dict[str, Entry]:
    """Return what is known of addresses, and of networks by their first ones."""
    ip_of = {text: _looked_up(text) for text in texts}
    known = reading.find_known(store, list(ip_of.values()))
    return {text: known[ip] for text, ip in ip_of.items() if ip in known}


def _most_banned(
    store: Store, counted: Mapping[str | None, Moments], top: int | None
) -> Iterable[BannedAddress]:
    normal = _together((_normal(text), moments) for text, moments in counted.items() if text is not None)
    ranked = sorted(normal.items(), key=lambda item: (-item[1].bans, item[0]))[:top]
    remaining = iter(ranked)
    while some := list(islice(remaining, _LOOKUP_ROWS)):
        known = _find_known(store, [text for text, _ in some])
        for text, (bans, first_s, last_s) in some:
            entry = known.get(text)
            origin = entry[1:5] if entry else (None,) * 4
            yield BannedAddress(text, bans, *origin, _moment(first_s), _moment(last_s))


def _together(counted: Iterable[tuple[Any, Moments]]) -> dict[Any, Moments]:
    found: dict[Any, Moments] = {}
    for text, moments in counted:
        found[text] = counting.together(found.get(text), moments)
    return found


def _moment(wall_s: Any) -> str | None:
    return timestamps.normal_text(wall_s) or None


def _normal(text: str) -> str:
    try:
        return networks.normalise(text)
    except Rejected:
        return text


def _looked_up(text: str) -> str:
    try:
        return first_address(text)
    except Rejected:
        return text
