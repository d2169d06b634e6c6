"""The dirty set and the cache in a database file: what a pass with work to do asks and tells.

Transactions are the caller's. The cache may know an address more than once, where another program has
spelt it otherwise.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from bangui_cli.rules.entry import Entry, flatten, known_country, latest_believable, merge_all
from bangui_cli.rules.timestamp_text import to_text
from bangui_cli.store.sqlite import entry_statements as sql
from bangui_cli.store.sqlite import foreign_rows

Execute = Callable[..., sqlite3.Cursor]
ExecuteMany = Callable[[str, Iterable[Any]], int]
Fetch = Callable[..., list[Any]]


class Entries:
    """What one connection has to say of entries, through the callables that run its statements."""

    # Cached addresses that are not in normal form, and that form, as of the begin of a sweep.
    _spellings: Sequence[tuple[str, str]] = ()

    def __init__(
        self, connection: sqlite3.Connection, execute: Execute, execute_many: ExecuteMany, fetch: Fetch
    ) -> None:
        foreign_rows.teach(connection)
        self._execute, self._execute_many, self._all = execute, execute_many, fetch

    def stage(self, packed: Sequence[str], now_s: float) -> None:
        """Merge packed entries into the dirty set, many rows in one statement."""
        latest, together = latest_believable(now_s), sql.STAGED_TOGETHER_ROWS
        single = len(packed) - len(packed) % together
        groups = ([latest, *flatten(packed[at : at + together])] for at in range(0, single, together))
        self._execute_many(sql.STAGE_TOGETHER, groups)
        self._execute_many(sql.STAGE, ([latest, *flatten([row])] for row in packed[single:]))

    def find_many(self, ips: Sequence[str]) -> tuple[list[Entry], list[Entry]]:
        """Return what the cache and what the dirty set know of addresses in normal form."""
        import json  # 2 ms that no flush pays

        wanted = (json.dumps(ips),)
        cached = [_cached_entry(row) for row in self._all(sql.FIND_CACHED, wanted)]
        dirty = [Entry(*row) for row in self._all(sql.FIND_DIRTY, wanted)]
        others = self.find_spelt_otherwise()
        asked = set(ips) if others else ()
        return cached + [entry for entry in others if entry.ip in asked], dirty

    def find_spelt_otherwise(self) -> list[Entry]:
        """Return what the cache knows of addresses that are not in normal form, in normal form."""
        rows = [_cached_entry(row) for row in self._all(sql.FIND_OTHER_SPELLINGS)]
        ip_of = dict(normal_forms([entry.ip for entry in rows]))
        return [entry._replace(ip=ip_of[entry.ip]) for entry in rows if entry.ip in ip_of]

    def count_by(self, key: str) -> list[tuple[str | None, str | None, int]]:
        """Count what is known by "country", "asn" or "org": key, name, rows; None is unknown.

        A key comes once with each of its names, and in each spelling of another program's.
        """
        counted = self._all(sql.COUNT_BY[key])
        if key != "country":
            return counted
        return [(known_country(code), name, rows) for code, name, rows in counted]

    def count_cache(self) -> tuple[int, int]:
        """Count the cache, and those of its rows that have no country."""
        rows, unresolved = self._all(sql.COUNT_CACHE)[0]
        return rows, unresolved

    def known_spelt_otherwise(self, latest: str) -> list[Entry]:
        """Return what counts for each address that the cache spells otherwise."""
        ips = sorted({entry.ip for entry in self.find_spelt_otherwise()})
        return list(merge_all(chain(*self.find_many(ips)), latest).values()) if ips else []

    def move(self, after: str, limit_rows: int, now_s: float) -> tuple[int, str | None]:
        """Move the next rows into the cache; return how many, and the last address, None at the end."""
        end = self._all(sql.BATCH_END, (after, limit_rows - 1))
        through, rows = (end[0][0], limit_rows) if end else self._all(sql.LAST_BATCH, (after,))[0]
        if not rows:
            return 0, None
        latest = latest_believable(now_s)
        bounds = {
            "after": after,
            "through": through,
            "seen_at": to_text(now_s),
            "latest": latest,
        }
        self._respell(after, through, latest)
        if self._execute(sql.UPSERT_BATCH, bounds).rowcount < rows:
            self._execute(sql.MERGE_BATCH, bounds)
        self._execute(sql.DELETE_BATCH, bounds)
        return rows, through if end else None

    def _respell(self, after: str, through: str, latest: str) -> None:
        """Give cached rows of the batch's addresses the spelling that the batch will find."""
        if after == "":
            self._spellings = normal_forms([ip for (ip,) in self._all(sql.OTHER_SPELLINGS)])
        for spelling, ip in self._spellings:
            if after < ip <= through:
                parameters = {"spelling": spelling, "ip": ip, "latest": latest}
                if self._execute(sql.RESPELL, parameters).rowcount:
                    self._execute(sql.DELETE_SPELLING, parameters)


def _cached_entry(row: Any) -> Entry:
    entry = Entry(*row)
    return entry._replace(country_code=known_country(entry.country_code))


def normal_forms(spellings: Sequence[str]) -> list[tuple[str, str]]:
    """Return each address that is not in normal form, with that form; nonsense is passed over."""
    if not spellings:
        return []
    from bangui_cli.rules.validation import Rejected, normalise_ip  # 5 ms that no job pays otherwise

    pairs = []
    for spelling in spellings:
        try:
            pairs.append((spelling, normalise_ip(spelling)))
        except Rejected:
            pass
    return [(spelling, ip) for spelling, ip in pairs if spelling != ip]
