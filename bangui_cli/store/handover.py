"""What every engine offers beside `interface.Store`, to those who hand over all that it holds."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bangui_cli.rules.ban import KeptBan
from bangui_cli.rules.entry import Entry
from bangui_cli.store.interface import Store

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class Handover(Store, Protocol):
    """A store that can be handed over. What `interface` says of verbs holds here, too."""

    def export_cache(self, since: str) -> Iterator[Entry]:
        """Yield what is known of each address, dirty rows included, in one consistent state.

        It is what is known since a time, "" being all of it, in the order of the addresses. However long
        the caller takes, nobody waits for it. What has no time that can be read is of 1970. Raise what
        `require_schema` does.
        """

    def export_history(self, since: str) -> Iterator[KeptBan]:
        """Yield the bans since a time, the oldest first, as `export_cache` does."""

    def keep_bans(self, bans: Sequence[KeptBan]) -> float:
        """Write bans into the history, sorted by their times if it is to be fast; the last counts.

        Return the seconds for which others had to wait.
        """
