"""Delete from a server what is no longer kept."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from bangui_cli.rules.networks import common_text
from bangui_cli.rules.retention import Retention
from bangui_cli.states.errors import UsageFault
from bangui_cli.store.interface import Batch, JobFinish
from bangui_cli.store.postgresql import upkeep_statements as sql
from bangui_cli.store.postgresql.statements import DESCRIBE
from bangui_cli.store.postgresql.store import PostgresqlStore
from bangui_cli.store.upkeep import Forgotten, Prunable

# Behind every text that begins with what stands before it.
_HIGHEST = "\U0010ffff"


class PostgresqlUpkeep(PostgresqlStore):
    """A store that can be tidied up; `upkeep.Upkeep` says what each verb promises."""

    def pruning(self) -> AbstractContextManager[None]:
        """Do nothing: there is nothing to prepare."""
        return nullcontext()

    def prune_history(self, lease_id: str, limit_rows: int, retention: Retention) -> Batch | None:
        """Delete bans in the order of their key."""
        return self._delete(sql.PRUNE_HISTORY, lease_id, {"limit_rows": limit_rows}, retention)

    def prune_cache(
        self, lease_id: str, after: str, limit_rows: int, retention: Retention, finish: JobFinish
    ) -> Batch | None:
        """Delete cached addresses in their order."""
        asked = {**finish._asdict(), "after": after, "limit_rows": limit_rows}
        return self._delete(sql.PRUNE_CACHE, lease_id, asked, retention)

    def _delete(
        self, statement: str, lease_id: str, asked: Mapping[str, Any], retention: Retention
    ) -> Batch | None:
        """Delete something in one statement: fence and heartbeat, rows, and the record at the end."""
        fence = {"lease_id": lease_id, "boot_id": self.now().boot_id}
        answer = self._write(statement, {**asked, **retention._asdict(), **fence})
        if not answer:
            return None
        rows, through, held_s = answer[0]
        return Batch(rows, through, held_s, 0.0)

    def count_prunable(self, retention: Retention) -> Prunable:
        """Count what a prune would delete, a full scan."""
        return Prunable(
            self._look(sql.COUNT_PRUNABLE_CACHE, retention._asdict())[0][0],
            self._look(sql.COUNT_OLD_HISTORY, retention._asdict())[0][0],
        )

    def compact(self, lease_id: str) -> bool:
        """Raise UsageFault: a server gives space back by itself."""
        raise UsageFault("a server's tables are not compacted", hint="its autovacuum does it")

    def forget(self, targets: Sequence[str]) -> Forgotten:
        """Delete addresses and what is in networks, found by how their texts begin."""
        self.situation()
        bounds = {
            "firsts": list(map(common_text, targets)),
            "behinds": [common_text(target) + _HIGHEST for target in targets],
            "networks": list(targets),
        }
        cache_rows, dirty_rows, history_rows, _ = self._write(sql.ALONE + sql.FORGET, bounds)[0]
        return Forgotten(cache_rows, dirty_rows, history_rows)

    def size_bytes(self) -> int:
        """Return the room that bangui's tables take."""
        return int(self._look(DESCRIBE)[0][2])
