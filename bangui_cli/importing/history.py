"""The import of a history of bans: its rows are bans, and they are written where they belong at once."""

from typing import Any, cast

import orjson

from bangui_cli.access.staging import Staging
from bangui_cli.importing.normaliser import Normaliser, Row, leave_all
from bangui_cli.importing.run import Import
from bangui_cli.rules.ban import KeptBan, make_ban
from bangui_cli.rules.timestamps import WIDTH_CHARACTERS
from bangui_cli.rules.validation import Rejected
from bangui_cli.store import Store
from bangui_cli.store.handover import Handover

_FIELDS = ("banned_at", "instance", "jail", "ip", "bantime_s", "bancount", "failures")


def _pack(ban: KeptBan) -> str:
    """Make one text of a ban, which begins with its time."""
    return orjson.dumps([getattr(ban, field) for field in _FIELDS]).decode()


def _unpack(packed: str) -> KeptBan:
    return KeptBan(**dict(zip(_FIELDS, orjson.loads(packed), strict=True)))


class BanStaging(Staging):
    """Many packed bans on their way into the history; of two of one key the later counts."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        # What is sorted has the times beside it, and is taken apart again to be written.
        self.most_pending_bytes //= 2

    @staticmethod
    def order(packed: str) -> str:
        """Return the time of a ban, in the order of which the table is."""
        return packed[: WIDTH_CHARACTERS + 2]

    def write(self, batch: list[str]) -> float:
        """Write a batch in one transaction; return the seconds for which others had to wait."""
        return cast("Handover", self.store).keep_bans(list(map(_unpack, batch)))


class BanNormaliser(Normaliser):
    """Makes packed bans of rows."""

    def make(self, row: Any) -> str:
        """Make the packed ban of a value that a reader yields. Raise Rejected."""
        if type(row) is not dict:
            raise row if isinstance(row, Rejected) else Rejected("not an object")
        return _pack(make_ban(row))

    def make_plain(self, rows: list[Row]) -> list[str]:
        """Leave each ban to be made by itself."""
        return leave_all(rows)


class HistoryImport(Import):
    """Writes the bans of inputs into the history, and counts them."""

    normaliser = BanNormaliser
    done = "recorded"

    def counts(self) -> dict[str, int | None]:
        """Return what has become of the rows so far."""
        all_counts = super().counts()
        return {key: all_counts[key] for key in ("read", "staged", "rejected")}

    def explain(self, value: Any, error: Rejected) -> str:
        """Return why a row is refused: the reason names its field."""
        return str(error)
