"""The history of bans on a PostgreSQL server, and how far each instance is with its own."""

import json
from collections.abc import Sequence

from bangui_cli.rules.ban import Ban
from bangui_cli.store.memory import Recorded
from bangui_cli.store.postgresql import memory_statements as sql
from bangui_cli.store.postgresql.store import PostgresqlStore


class PostgresqlMemory(PostgresqlStore):
    """A store with its history; `memory.Memory` says what each verb promises."""

    def collect_mark(self, instance: str) -> str | None:
        """Return how far an instance is with its bans."""
        rows = self._look(sql.READ_MARK, {"instance": instance})
        return str(rows[0][0]) if rows else None

    def record_bans(
        self, instance: str, bans: Sequence[Ban], before: str | None, after: str
    ) -> Recorded | None:
        """Record bans and move the mark, where it is still what it was, in one statement."""
        statement = sql.RECORD_FIRST if before is None else sql.RECORD_NEXT
        parameters = {"instance": instance, "before": before, "after": after, "bans": json.dumps(bans)}
        marked, new, changed = self._write(statement, parameters)[0]
        return Recorded(new, changed) if marked else None

    def find_unknown(self, instance: str, after: str, limit_rows: int) -> tuple[list[str], str | None]:
        """Look at the next addresses of the history in the order of their index."""
        asked = {"instance": instance, "after": after, "limit_rows": limit_rows}
        rows = self._look(sql.FIND_UNKNOWN, asked)
        unknown = dict.fromkeys(first for _, first in rows if first is not None)
        return list(unknown), rows[-1][0] if len(rows) == limit_rows else None
