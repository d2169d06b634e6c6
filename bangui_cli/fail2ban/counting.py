"""Count fail2ban's bans: by address, by jail, by time.

The history is asked along fail2ban's own indexes, (jail, ip), (ip) and (jail, timeofban): the rows
themselves are long, since each keeps the log lines that matched.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bangui_cli.fail2ban import pieces
from bangui_cli.fail2ban.reading import MOST_ROWS, Reading, open_reading, too_many
from bangui_cli.rules.sqlite_spelling import decode

ADDRESS, JAIL, TIME = "address", "jail", "time"

# 20,000 rows of one page each are 80 MB: a fraction of a second of a slow disk.
PIECE_ROWS = 20_000
_BEFORE_ALL = -(2**63)
# What is no number sorts behind every number.
_BEHIND_ALL_S = 1e15

_QUARTER_HOUR_S = 900
# A number, and no text or blob.
_NUMBER = f"timeofban < {_BEHIND_ALL_S}"
_START = f"CAST(timeofban / {_QUARTER_HOUR_S} AS INTEGER) * {_QUARTER_HOUR_S}"
# An address has 49 characters at most, a network included; in order of the index grouping is free.
_KEYS = {
    ADDRESS: ("substr(ip, 1, 64)", "ip"),
    JAIL: ("substr(jail, 1, 64)", "jail"),
    TIME: (f"CASE WHEN {_NUMBER} THEN {_START} END", "1"),
}
OF_JAIL = "jail = CAST(:jail AS TEXT)"
_IN_TIME = "timeofban >= :since_s AND timeofban < :until_s"
_ACTIVE = "(bantime < 0 OR timeofban + bantime > :now_s)"

# + keeps SQLite from going to that end of the index in each piece.
_BEFORE_UNTIL = "(:counts_all OR +timeofban < :until_s)"
# What is banned there is not behind any address.
_NO_ADDRESS = "(ip IS NULL OR ip = '')"
_NOTE = (
    "CREATE TEMP TABLE IF NOT EXISTS timed (id INTEGER PRIMARY KEY, at_s)",
    "DELETE FROM timed",
)
# Each is gone through by itself: the index of times begins with it.
_MOST_JAILS = 10_000
_JAILS = f"SELECT substr(jail, 1, 200) FROM bans GROUP BY jail LIMIT {_MOST_JAILS + 1}"

Counts = dict[Any, int]


class Asked(NamedTuple):
    """Of which jails, if they are named, and of which time, by the wall clock, bans count."""

    jails: tuple[str, ...] = ()
    since_s: float | None = None
    until_s: float | None = None

    @property
    def is_timed(self) -> bool:
        """Tell whether not all times count."""
        return self.since_s is not None or self.until_s is not None


EVERY_BAN = Asked()


class Moments(NamedTuple):
    """The bans of one address, and the first and the last of them by the wall clock."""

    bans: int
    first_s: Any
    last_s: Any


def history_query(by: str, *, of_jail: bool, timed: bool) -> str:
    """Return the statement that counts bans by one of the keys, reading no row but of indexes."""
    key, group = _KEYS[by]
    terms = _terms(of_jail=of_jail)
    if timed and by == ADDRESS:
        # No index has both the time and the address; + keeps SQLite from fetching the rows for it.
        inner = " AND ".join([*terms, _IN_TIME])
        terms.append(f"+rowid IN (SELECT rowid FROM bans WHERE {inner})")
    elif timed:
        terms.append(_IN_TIME)
    return f"SELECT {key}, count(*) FROM bans{_where(terms)} GROUP BY {group}"


def time_query(piece: str) -> str:
    """Return the statement that notes by their rows the times of a piece of a jail."""
    where = _where([OF_JAIL, _BEFORE_UNTIL, piece])
    return f"INSERT INTO timed SELECT rowid, CASE WHEN {_NUMBER} THEN timeofban END FROM bans{where}"


def moments_query(piece: str, *, of_jail: bool) -> str:
    """Return the statement that tells the count and the ends of the addresses of a piece."""
    where = _where([*_terms(of_jail=of_jail), piece])
    # CROSS: the addresses are gone through in the order of their index, and the times looked up.
    return f"""
SELECT {_KEYS[ADDRESS][0]}, count(*), min(at_s), max(at_s)
  FROM bans CROSS JOIN timed ON timed.id = bans.rowid{where} GROUP BY ip"""


def others_query(*, of_jail: bool) -> str:
    """Return the statement that tells whether there are bans which are not of the time."""
    terms = [*_terms(of_jail=of_jail), f"NOT ({_IN_TIME})"]
    return f"SELECT 1 FROM bans{_where(terms)} LIMIT 1"


def active_query(*, of_jail: bool, timed: bool) -> str:
    """Return the statement for a piece of the latest bans: which row, what, and whether it counts.

    Their ends are in no index, so that the rows themselves have to be read.
    """
    terms = [*_terms(of_jail=of_jail), *([_IN_TIME] if timed else []), _ACTIVE]
    keys = (_KEYS[ADDRESS][0], _KEYS[JAIL][0], "timeofban")
    columns = f"rowid, {', '.join(keys)}, {' AND '.join(terms)}"
    return f"SELECT {columns} FROM bips WHERE rowid > :after ORDER BY rowid LIMIT {PIECE_ROWS}"


def _terms(*, of_jail: bool) -> list[str]:
    return [OF_JAIL] if of_jail else []


def _where(terms: list[str]) -> str:
    return f" WHERE {' AND '.join(terms)}" if terms else ""


def count_bans(path: str, by: str = ADDRESS, asked: Asked = EVERY_BAN) -> Counts:
    """Count the bans of the history by address, by jail, or by the start of a quarter of an hour.

    A start is a wall clock, None where a time is none.
    """
    with open_reading(path) as reading:
        rows = [row for of_jail in _each_jail(asked) for row in _count(reading, by, asked, of_jail)]
    return _add_up(rows)


def _count(reading: Reading, by: str, asked: Asked, jail: Mapping[str, object]) -> list[Any]:
    parameters, of_jail = _parameters(asked, jail), bool(jail)
    # To tell the rows one by one trebles the time, and fail2ban may have purged all others.
    timed = asked.is_timed and bool(reading.fetch(others_query(of_jail=of_jail), parameters))
    return reading.fetch(history_query(by, of_jail=of_jail, timed=timed), parameters)


def list_moments(path: str, asked: Asked = EVERY_BAN) -> dict[str | None, Moments]:
    """Return how often, when first and when last each address was banned; None is a ban of none.

    No index has both the address and the time: the times are noted first, then looked up.
    """
    found: dict[str | None, Moments] = {}
    with open_reading(path) as reading:
        rows = [row for jail in _each_jail(asked) for row in _list(reading, path, asked, jail)]
    for ip, *values in rows:
        found[_text(ip)] = together(found.get(_text(ip)), Moments(*values))
    return found


def _list(reading: Reading, path: str, asked: Asked, jail: Mapping[str, object]) -> list[Any]:
    of_jail, parameters = bool(jail), _parameters(asked, jail)
    for statement in _NOTE:
        reading.fetch(statement)
    for each in [jail] if jail else _read_jails(reading, path):
        _note_times(reading, path, asked, each)
    rows = reading.fetch(moments_query(_NO_ADDRESS, of_jail=of_jail), parameters)
    for piece, bound in pieces.walk(reading, path, "ip", _terms(of_jail=of_jail), parameters):
        rows += reading.fetch(moments_query(piece, of_jail=of_jail), bound)
    return rows


def _read_jails(reading: Reading, path: str) -> list[Mapping[str, object]]:
    """Return the parameters of each jail. Raise NotADatabase for more than any server has."""
    rows = reading.fetch(_JAILS)
    if len(rows) > _MOST_JAILS:
        raise too_many(path)
    return [{"jail": name} for (name,) in rows]


def _note_times(reading: Reading, path: str, asked: Asked, jail: Mapping[str, object]) -> None:
    parameters = {**_parameters(asked, jail), "counts_all": not asked.is_timed}
    for piece, bound in pieces.walk(reading, path, "timeofban", [OF_JAIL], parameters):
        reading.fetch(time_query(piece), bound)


def together(one: Moments | None, other: Moments) -> Moments:
    """Add up two counts of one address; a moment that is no time is None."""
    if one is None:
        return other
    first_s = [moment for moment in (one.first_s, other.first_s) if moment is not None]
    last_s = [moment for moment in (one.last_s, other.last_s) if moment is not None]
    return Moments(one.bans + other.bans, min(first_s, default=None), max(last_s, default=None))


def quarter_s(at_s: Any) -> int | None:
    """Return the start of the quarter of an hour that a time falls into, None where it is none."""
    if isinstance(at_s, int | float) and at_s < _BEHIND_ALL_S:
        return int(at_s // _QUARTER_HOUR_S * _QUARTER_HOUR_S)
    return None


def list_active(
    path: str, now_s: float, asked: Asked = EVERY_BAN
) -> dict[tuple[str | None, str | None], Any]:
    """Return the time of each ban, by address and jail, that is in force at a wall-clock time.

    The rows are read in pieces, and the file is free between them. One that is written meanwhile goes
    to the end, and so is seen again, but never missed.
    """
    found = {}
    for jail in _each_jail(asked):
        query = active_query(of_jail=bool(jail), timed=asked.is_timed)
        parameters = {**_parameters(asked, jail), "now_s": now_s}
        for _, ip, name, at_s, counts in _piecewise(path, query, parameters):
            if counts:
                found[_text(ip), _text(name)] = at_s
    return found


def _each_jail(asked: Asked) -> list[Mapping[str, object]]:
    """Return the parameters of each jail: an index begins with it, and no two statements are one."""
    # A name of the command line is looked for as the bytes that it is there, be they UTF-8 or not.
    names = (jail.encode("utf-8", "surrogateescape") for jail in dict.fromkeys(asked.jails))
    return [{"jail": name} for name in names] or [{}]


def _parameters(asked: Asked, jail: Mapping[str, object]) -> dict[str, object]:
    since_s = _BEFORE_ALL if asked.since_s is None else asked.since_s
    until_s = _BEHIND_ALL_S if asked.until_s is None else asked.until_s
    behind_s = math.nextafter(since_s, -math.inf)
    return {**jail, "since_s": since_s, "until_s": until_s, "behind_s": behind_s}


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


def _add_up(rows: Iterable[tuple[Any, int]]) -> Counts:
    counts: Counts = Counter()
    for key, bans in rows:
        counts[_text(key)] += bans
    return counts


def _text(value: Any) -> str | None:
    return decode(value) if isinstance(value, bytes) else value
