"""What is known of addresses: cached, still dirty, or found in the MMDB files where those are asked."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import cache
from itertools import chain
from typing import NamedTuple

from bangui_cli.access import reading
from bangui_cli.host import clocks
from bangui_cli.resolving.files import open_files
from bangui_cli.resolving.mmdb import Mmdb
from bangui_cli.resolving.records import Facts
from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry
from bangui_cli.rules.networks import Networks
from bangui_cli.states.errors import BanguiError
from bangui_cli.store import Store, gives_up_rights
from bangui_cli.store.bans import Ban, BanFilter

CACHED, DIRTY, RESOLVED, UNKNOWN = "cached", "dirty", "resolved", "unknown"
_LOOKUP_ROWS = 5_000


class Found(NamedTuple):
    """What counts for one address, and where that, or the newest of it, is from.

    Its bans, the newest first, are those of the networks that hold it, too.
    """

    entry: Entry
    state: str
    bans: Sequence[Ban] = ()


def look_up(path: str, ips: Sequence[str], *, with_bans: bool = False) -> dict[str, Found]:
    """Return what the database knows of each address, in normal form, as of one moment."""
    found: dict[str, Found] = {}
    with reading.open_snapshot(path) as store:
        for start in range(0, len(ips), _LOOKUP_ROWS):
            some = ips[start : start + _LOOKUP_ROWS]
            in_cache, dirty = store.find_many(some)
            cached = reading.merge_all({}, in_cache)
            known = reading.merge_all(cached, dirty)
            waiting = {entry.ip: entry for entry in dirty}
            bans = _find_bans(store, some) if with_bans else {}
            for ip in some:
                one = _found(ip, known.get(ip), cached.get(ip), waiting.get(ip))
                found[ip] = one._replace(bans=bans.get(ip, ()))
    return found


def _find_bans(store: Store, ips: Sequence[str]) -> dict[str, list[Ban]]:
    bans_of: dict[str, list[Ban]] = {}
    bans = store.bans.list_newest(BanFilter(addresses=tuple(ips)))
    for ban in bans:
        bans_of.setdefault(ban.ip, []).append(ban)
    banned = Networks(text for text in bans_of if "/" in text)
    texts_of = {ip: [text for text in (ip, *banned.holding(ip)) if text in bans_of] for ip in ips}
    return {
        ip: sorted(chain(*map(bans_of.__getitem__, texts)), reverse=True)
        for ip, texts in texts_of.items()
        if texts
    }


def _found(ip: str, known: Entry | None, cached: Entry | None, waiting: Entry | None) -> Found:
    if known is None:
        return Found(Entry(ip, None, None, None, None, ""), UNKNOWN)
    if waiting is None or known == cached:
        return Found(known, CACHED)
    # A failed resolution has nothing of what is shown.
    is_told_by_cache = cached is not None and cached.knows_anything and not waiting.knows_anything
    return Found(known, CACHED if is_told_by_cache else DIRTY)


def look_up_resolving(
    path: str,
    ips: Sequence[str],
    configured: Sequence[str],
    *,
    registered: bool = False,
    with_bans: bool = False,
) -> dict[str, Found]:
    """Look addresses up, and ask the MMDB files for what has no country, staging nothing.

    Where no country is missing, no file is needed. Raise what `open_files` raises.
    """
    with ExitStack() as stack:
        open_all = cache(lambda: stack.enter_context(open_files(configured, registered=registered)))
        if gives_up_rights(path):
            # Files that only root may read are to be open by the time that root becomes another user.
            with suppress(BanguiError):  # raised again below, if they are needed
                open_all()
        found = look_up(path, ips, with_bans=with_bans)
        missing = sorted(ip for ip, one in found.items() if not one.entry.knows_country)
        return found | _resolve(missing, found, open_all()) if missing else found


def _resolve(ips: Sequence[str], found: dict[str, Found], files: Sequence[Mmdb]) -> dict[str, Found]:
    facts = [Facts()] * len(ips)
    for file in files:
        facts = list(map(Facts.completed_by, facts, file.look_up(ips)))
    now = timestamps.to_text(clocks.wall_s())
    known = {ip: found[ip].entry for ip in ips if found[ip].state != UNKNOWN}
    answers = [Entry(ip, *some, now) for ip, some in zip(ips, facts, strict=True) if some != Facts()]
    merged = reading.merge_all(known, answers)
    return {ip: found[ip]._replace(entry=merged[ip], state=RESOLVED) for ip, *_ in answers}
