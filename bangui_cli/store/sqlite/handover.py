"""Hand over what a database file holds, and take bans back.

`copying` says why all of it is copied first: a second or less for a million rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.rules import timestamps
from bangui_cli.rules.ban import KeptBan
from bangui_cli.rules.entry import Entry, known_country, latest_believable
from bangui_cli.store.sqlite import copying, spelling
from bangui_cli.store.sqlite import handover_statements as sql
from bangui_cli.store.sqlite.statements import CACHE_SPILL_ON
from bangui_cli.store.sqlite.store import SqliteStore

_PAGE_ROWS = 2_000
# What has no time that can be read is older than all that has one.
_NO_TIME = timestamps.to_text(0)


class SqliteHandover(SqliteStore):
    """A store that is handed over; `handover.Handover` says what each verb promises."""

    def __init__(self, path: str, deadline: Deadline | None = None, **how: bool) -> None:
        super().__init__(path, deadline, **how)
        spelling.teach(self._connection)

    def export_cache(self, since: str) -> Iterator[Entry]:
        """Copy the cache, and merge into the copy what is spelt otherwise and what is dirty."""
        now = {"latest": latest_believable(self.now().wall_s)}
        with self._copying():
            self._execute(sql.CREATE_CACHE_COPY)
            self._execute(sql.COPY_CACHE, {"since": since})
            self._execute(sql.MERGE_OTHER_SPELLINGS, now)
            self._execute(sql.MERGE_DIRTY, now)
        after = ""
        while page := self._all(sql.CACHE_PAGE, {"after": after, "since": since, "rows": _PAGE_ROWS}):
            yield from map(_entry, page)
            after = page[-1][0]

    def export_history(self, since: str) -> Iterator[KeptBan]:
        """Copy the history in its own order."""
        with self._copying():
            copied = copying.copy(self._all, sql.HISTORY, {"since": since})
        yield from (KeptBan(*row) for row in copied)

    @contextmanager
    def _copying(self) -> Iterator[None]:
        """Fill temporary tables with what one state of the database holds, and keep them."""
        self._execute(CACHE_SPILL_ON)
        with self.snapshot():
            self.require_schema()
            yield

    def keep_bans(self, bans: Sequence[KeptBan]) -> float:
        """Insert bans, or correct them."""
        with self.transaction():
            began_s = clocks.monotonic_s()
            self._execute_many(sql.KEEP_BAN, bans)
        return clocks.monotonic_s() - began_s


def _entry(row: Sequence[str | None]) -> Entry:
    ip, code, name, asn, org, time = row
    return Entry(str(ip), known_country(code), name, asn, org, time or _NO_TIME)
