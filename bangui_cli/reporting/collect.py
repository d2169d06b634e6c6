"""Count what is known of addresses, or of those that fail2ban has banned."""

from collections.abc import Iterable, Mapping
from itertools import islice

from bangui_cli.access import reading
from bangui_cli.fail2ban import database as fail2ban
from bangui_cli.fail2ban.addresses import first_address
from bangui_cli.host import clocks
from bangui_cli.reporting.summary import Counted, describe
from bangui_cli.rules.validation import Rejected
from bangui_cli.store import Store

_LOOKUP_ROWS = 5_000


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


def read_bans(path: str, *, jail: str | None, within_s: float | None, active: bool) -> dict[str, int]:
    """Count fail2ban's bans of each address: of one jail, of some last seconds, or active ones."""
    now_s = clocks.wall_s()
    since_s = None if within_s is None else now_s - within_s
    if active:
        return fail2ban.count_active_bans(path, now_s, jail=jail, since_s=since_s)
    return fail2ban.count_bans(path, jail=jail, since_s=since_s)


def other_jails(path: str, jail: str) -> list[str] | None:
    """Return the jails that have bans where the one that is asked for has none."""
    jails = fail2ban.read_jails(path)
    return None if jail in jails else jails


def count_bans(store: Store, bans: Mapping[str, int], by: str) -> Iterable[Counted]:
    """Say what each address that was banned counts for, and how often. Wants a snapshot.

    A network counts for its first address. Nonsense is a ban all the same, of unknown origin.
    """
    remaining = iter(bans.items())
    while some := list(islice(remaining, _LOOKUP_ROWS)):
        ips = [_looked_up(text) for text, _ in some]
        known = reading.find_known(store, ips)
        for ip, (_, count) in zip(ips, some, strict=True):
            yield *describe(known.get(ip), by), count


def _looked_up(text: str) -> str:
    try:
        return first_address(text)
    except Rejected:
        return text
