"""What fail2ban's database tells: the addresses that it remembers, the bans of each, the jails.

Its history is asked along fail2ban's own indexes, (jail, ip), (ip) and (jail, timeofban): the rows
themselves are long, since each keeps the log lines that matched.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from bangui_cli.fail2ban.reading import Reading, open_reading
from bangui_cli.rules.sqlite_spelling import decode

# `bans` is the history, purged by age; `bips` keeps the latest ban, and so the permanent ones.
# An address has 49 characters at most, a network included; in order of the index grouping is free.
_IP = "substr(ip, 1, 64)"
ADDRESSES = {table: f"SELECT {_IP} FROM {table} GROUP BY ip" for table in ("bans", "bips")}
JAILS = {table: f"SELECT jail FROM {table} GROUP BY jail" for table in ("bans", "bips")}

# A name that is no UTF-8 is bound as the bytes that it is.
_OF_JAIL = "jail = CAST(:jail AS TEXT)"
_RECENT = "timeofban >= :since_s AND timeofban < 1e15"  # what is no number sorts behind every number
_ACTIVE = "(bantime < 0 OR timeofban + bantime > :now_s)"


def history_query(*, of_jail: bool, recent: bool) -> str:
    """Return the statement that counts the bans of each address, reading no row but of indexes."""
    terms = [_OF_JAIL] if of_jail else []
    if recent:
        # No index has both the time and the address; + keeps SQLite from fetching the rows for it.
        inner = " AND ".join([*terms, _RECENT])
        terms.append(f"+rowid IN (SELECT rowid FROM bans WHERE {inner})")
    return f"SELECT {_IP}, count(*) FROM bans{_where(terms)} GROUP BY ip"


def older_query(*, of_jail: bool) -> str:
    """Return the statement that tells whether there are bans which are not recent."""
    terms = [*([_OF_JAIL] if of_jail else []), f"NOT ({_RECENT})"]
    return f"SELECT 1 FROM bans{_where(terms)} LIMIT 1"


def active_query(*, of_jail: bool, recent: bool) -> str:
    """Return the statement that counts the bans in force; their ends are in no index."""
    terms = [*([_OF_JAIL] if of_jail else []), *([_RECENT] if recent else []), _ACTIVE]
    return f"SELECT {_IP}, 1 FROM bips{_where(terms)}"


def _where(terms: list[str]) -> str:
    return f" WHERE {' AND '.join(terms)}" if terms else ""


def read_addresses(path: str) -> list[str]:
    """Return every address (or network, or nonsense) that fail2ban remembers, each once."""
    with open_reading(path) as reading:
        rows = [row for query in ADDRESSES.values() for row in reading.fetch(query)]
    return list(dict.fromkeys(_text(ip) for (ip,) in rows))


def read_jails(path: str) -> list[str]:
    """Return the names of the jails that have bans."""
    with open_reading(path) as reading:
        rows = [row for query in JAILS.values() for row in reading.fetch(query)]
    return sorted({_text(jail) for (jail,) in rows})


def count_bans(
    path: str,
    *,
    jail: str | None = None,
    since_s: float | None = None,
    active_at_s: float | None = None,
) -> dict[str, int]:
    """Count the bans of each address since a wall-clock time; only those active at one, if given."""
    name = None if jail is None else jail.encode("utf-8", "surrogateescape")
    asked = {"jail": name, "since_s": since_s, "now_s": active_at_s}
    with open_reading(path) as reading:
        rows = _fetch_history(reading, asked) if active_at_s is None else _fetch_active(reading, asked)
    return _add_up(rows)


def _fetch_history(reading: Reading, asked: Mapping[str, object]) -> list[Any]:
    of_jail, recent = asked["jail"] is not None, asked["since_s"] is not None
    # To tell recent rows one by one trebles the time, and fail2ban may have purged all others.
    recent = recent and bool(reading.fetch(older_query(of_jail=of_jail), asked))
    return reading.fetch(history_query(of_jail=of_jail, recent=recent), asked)


def _fetch_active(reading: Reading, asked: Mapping[str, object]) -> list[Any]:
    of_jail, recent = asked["jail"] is not None, asked["since_s"] is not None
    return reading.fetch(active_query(of_jail=of_jail, recent=recent), asked)


def _add_up(rows: Iterable[tuple[object, int]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for ip, bans in rows:
        counts[_text(ip)] += bans
    return counts


def _text(value: object) -> str:
    return decode(value) if isinstance(value, bytes) else str(value)
