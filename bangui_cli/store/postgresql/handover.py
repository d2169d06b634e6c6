"""Hand over what a server holds, and take bans back."""

import json
from collections.abc import Iterator, Sequence
from operator import itemgetter

from bangui_cli.rules.ban import KeptBan
from bangui_cli.rules.entry import Entry, latest_believable, merge
from bangui_cli.store.postgresql import handover_statements as sql
from bangui_cli.store.postgresql.store import PostgresqlStore

_COLUMNS = len(Entry._fields)
_KEY = itemgetter(3, 0, 1, 2)


class PostgresqlHandover(PostgresqlStore):
    """A store that is handed over; `handover.Handover` says what each verb promises."""

    def export_cache(self, since: str) -> Iterator[Entry]:
        """Copy cache and dirty set, and merge what stands in both."""
        self.require_schema()
        latest = latest_believable(self.now().wall_s)
        entries = (_merged(row, latest) for row in self.copy(sql.CACHE, {}))
        return (entry for entry in entries if entry.resolved_at >= since)

    def export_history(self, since: str) -> Iterator[KeptBan]:
        """Copy the history in its own order."""
        self.require_schema()
        return (KeptBan(*row) for row in self.copy(sql.HISTORY, {"since": since}))

    def keep_bans(self, bans: Sequence[KeptBan]) -> float:
        """Insert bans, or correct them, in the order of their key."""
        last = {_KEY(ban): ban for ban in bans}
        ordered = [last[key] for key in sorted(last)]
        return float(self._write(sql.KEEP_BANS, {"bans": json.dumps(ordered)})[0][0])


def _merged(row: Sequence[str | None], latest: str) -> Entry:
    cached, dirty = row[:_COLUMNS], row[_COLUMNS:]
    if dirty[0] is None:
        return Entry(*cached)  # type: ignore[arg-type]
    if cached[0] is None:
        return Entry(*dirty)  # type: ignore[arg-type]
    return merge(Entry(*dirty), Entry(*cached), latest)  # type: ignore[arg-type]
