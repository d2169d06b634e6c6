"""What every engine offers beside `interface.Store`, to those who deal with the history of bans.

Jobs that run every few seconds do not: they are not to pay for it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bangui_cli.rules.ban import Ban
from bangui_cli.states.records import Record
from bangui_cli.store.interface import Store

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class Recorded(Record):
    """How many bans were new to the history, and how many others have other values now."""

    new: int
    changed: int


class Memory(Store, Protocol):
    """A store with its history. What `interface` says of verbs holds here, too."""

    def collect_mark(self, instance: str) -> str | None:
        """Return how far an instance is with its bans, as `record_bans` was told; None at first.

        Wants a snapshot.
        """

    def record_bans(
        self, instance: str, bans: Sequence[Ban], before: str | None, after: str
    ) -> Recorded | None:
        """Record bans of an instance, each given once, sorted by address; move its mark.

        Of a ban that is recorded already the new values count. Return None, writing nothing, where the
        mark is not `before`: another run was faster, or something was forgotten.
        """

    def find_unknown(self, instance: str, after: str, limit_rows: int) -> tuple[list[str], str | None]:
        """Look at the next addresses and networks behind `after` that the history has bans of.

        Return the first addresses of those that this instance has banned and neither cache nor dirty set
        knows, and up to where was looked, None being the end. Wants a snapshot.
        """
