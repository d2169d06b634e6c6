"""Stage what MMDB files know of banned addresses, as a part of other work."""

from collections.abc import Callable, Iterable, Sequence

from bangui_cli.access.staging import Staging
from bangui_cli.resolving import addresses
from bangui_cli.resolving.addresses import Tally
from bangui_cli.resolving.mmdb import Mmdb
from bangui_cli.resolving.stage import stage_resolved
from bangui_cli.states.errors import BanguiError, MmdbUnusable
from bangui_cli.store import Store


class Resolver:
    """Opens the files once there is something to look up.

    What is wrong with them does not end the other work: it stands in `failure`, to be raised at the end.
    """

    def __init__(self, open_files: Callable[[], Sequence[Mmdb]], max_age_s: float) -> None:
        self.tally = Tally()
        self.failure: BanguiError | None = None
        self._open_files = open_files
        self._files: Sequence[Mmdb] = ()
        self._max_age_s = max_age_s

    def open(self) -> bool:
        """Open the files, if they are not open; tell whether they can be used."""
        try:
            self._files = self._files or self._open_files()
        except BanguiError as error:
            self.failure = error
        return self.failure is None

    def stage_stale(self, store: Store, targets: Iterable[str]) -> None:
        """Look up those addresses and networks that are not known, or not freshly."""
        self._stage(store, targets, self._max_age_s)

    def stage_unknown(self, store: Store, targets: Iterable[str]) -> None:
        """Look up addresses that nobody knows; what is none is passed over."""
        self._stage(store, targets, 0)

    def _stage(self, store: Store, targets: Iterable[str], max_age_s: float) -> None:
        wanted = list(targets)
        if wanted and not self.failure and self.open():
            ips = addresses.banned(wanted, store, self._files, max_age_s, Tally())
            try:
                stage_resolved(Staging(store), self._files, ips, self.tally, lambda _: None)
            except MmdbUnusable as error:
                self.failure = error
