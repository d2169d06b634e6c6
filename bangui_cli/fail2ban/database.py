"""What fail2ban's database tells: the addresses that it remembers, the bans of each, the jails.

Its history is asked along fail2ban's own indexes, (jail, ip), (ip) and (jail, timeofban): the rows
themselves are long, since each keeps the log lines that matched.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bangui_cli.fail2ban.reading import MOST_ROWS, open_reading, too_many
from bangui_cli.rules.sqlite_spelling import decode

# `bans` is the history, purged by age; `bips` keeps the latest ban, and so the permanent ones.
# An address has 49 characters at most, a network included; in order of the index grouping is free.
_IP = "substr(ip, 1, 64)"
ADDRESSES = {table: f"SELECT {_IP} FROM {table} GROUP BY ip" for table in ("bans", "bips")}

_JAIL = "substr(jail, 1, 64)"
JAILS = {table: f"SELECT {_JAIL} FROM {table} GROUP BY jail" for table in ("bans", "bips")}
_OF_JAIL = "jail = CAST(:jail AS TEXT)"
_RECENT = "timeofban >= :since_s AND timeofban < 1e15"  # what is no number sorts behind every number
# 20,000 rows of one page each are 80 MB: a fraction of a second of a slow disk.
PIECE_ROWS = 20_000
_BEFORE_ALL = -(2**63)
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
    """Return the statement for a piece of the latest bans: which row, what, and whether it counts.

    Their ends are in no index, so that the rows themselves have to be read.
    """
    terms = [*([_OF_JAIL] if of_jail else []), *([_RECENT] if recent else []), _ACTIVE]
    columns = f"rowid, {_IP}, {_JAIL}, {' AND '.join(terms)}"
    return f"SELECT {columns} FROM bips WHERE rowid > :after ORDER BY rowid LIMIT {PIECE_ROWS}"


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


def count_bans(path: str, *, jail: str | None = None, since_s: float | None = None) -> dict[str, int]:
    """Count the bans of each address: of one jail, since a wall-clock time."""
    asked = {"jail": _bytes(jail), "since_s": since_s}
    of_jail, recent = jail is not None, since_s is not None
    with open_reading(path) as reading:
        # To tell recent rows one by one trebles the time, and fail2ban may have purged all others.
        recent = recent and bool(reading.fetch(older_query(of_jail=of_jail), asked))
        rows = reading.fetch(history_query(of_jail=of_jail, recent=recent), asked)
    return _add_up(rows)


def count_active_bans(
    path: str, now_s: float, *, jail: str | None = None, since_s: float | None = None
) -> dict[str, int]:
    """Count the bans of each address that are in force at a wall-clock time.

    The rows are read in pieces, and the file is free between them. One that is written meanwhile goes
    to the end, and so is seen again, but never missed.
    """
    asked = {"jail": _bytes(jail), "since_s": since_s, "now_s": now_s}
    query = active_query(of_jail=jail is not None, recent=since_s is not None)
    active = {(ip, jail) for _, ip, jail, counts in _piecewise(path, query, asked) if counts}
    return _add_up((ip, 1) for ip, _ in active)


def _piecewise(path: str, query: str, asked: Mapping[str, object]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query; each begins with its `rowid`. Raise NotADatabase for no end of them."""
    after = _BEFORE_ALL
    for _ in range(0, MOST_ROWS, PIECE_ROWS):
        with open_reading(path) as reading:
            rows = reading.fetch(query, {**asked, "after": after})
        yield from rows
        if len(rows) < PIECE_ROWS:
            return
        after = rows[-1][0]
    raise too_many(path)


def _bytes(name: str | None) -> bytes | None:
    """Return a name of the command line as the bytes that it is there, be they UTF-8 or not."""
    return None if name is None else name.encode("utf-8", "surrogateescape")


def _add_up(rows: Iterable[tuple[object, int]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for ip, bans in rows:
        counts[_text(ip)] += bans
    return counts


def _text(value: object) -> str:
    return decode(value) if isinstance(value, bytes) else str(value)
