"""The history of bans on SQLite, and how far each instance is with its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bangui_cli.rules.ban import Ban
from bangui_cli.store.memory import Recorded
from bangui_cli.store.sqlite import memory_statements as sql
from bangui_cli.store.sqlite.store import SqliteStore


class SqliteMemory(SqliteStore):
    """A store with its history; `memory.Memory` says what each verb promises."""

    @contextmanager
    def bulk_staging(self) -> Iterator[None]:
        """Keep the end of the history in memory, too, where a batch of bans goes, in no order."""
        self._execute(sql.CACHE_OF_A_BATCH)
        with super().bulk_staging():
            yield

    def collect_mark(self, instance: str) -> str | None:
        """Return how far an instance is with its bans."""
        row = self._one(sql.READ_MARK, (instance,))
        return None if row is None else str(row[0])

    def record_bans(
        self, instance: str, bans: Sequence[Ban], before: str | None, after: str
    ) -> Recorded | None:
        """Record bans and move the mark, where it is still what it was."""
        with self.transaction():
            if self.collect_mark(instance) != before:
                return None
            new = self._execute_many(sql.RECORD, ((instance, *ban) for ban in bans))
            changed = self._correct(instance, bans) if new < len(bans) else 0
            self._execute(sql.WRITE_MARK, (instance, after))
        return Recorded(new, changed)

    def _correct(self, instance: str, bans: Sequence[Ban]) -> int:
        return self._execute_many(sql.CORRECT, ({**ban._asdict(), "instance": instance} for ban in bans))

    def find_unknown(self, instance: str, after: str, limit_rows: int) -> tuple[list[str], str | None]:
        """Look at the next addresses of the history in the order of their index."""
        asked = {"instance": instance, "after": after, "rows": limit_rows}
        rows = self._all(sql.FIND_UNKNOWN, asked)
        unknown = dict.fromkeys(first for _, first in rows if first is not None)
        through = rows[-1][0] if len(rows) == limit_rows else None
        known = {entry.ip for entry in self.find_spelt_otherwise()} if unknown else ()
        return [ip for ip in unknown if ip not in known], through
