"""Which bans a report is about, as the command line says it."""

from typing import NamedTuple

from bangui_cli.rules import timestamps
from bangui_cli.rules.sqlite_spelling import decode
from bangui_cli.store.bans import BanFilter


class Selection(NamedTuple):
    """Bans of some jails and instances, of some time, or in force; what is not given is no limit.

    Moments are on the wall clock; `until_s` does not count any more. Names may hold bytes that are no
    text.
    """

    jails: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    since_s: float | None = None
    until_s: float | None = None
    active: bool = False

    def as_filter(self, now_s: float) -> BanFilter:
        """Return it for the memory of bans, in which no name has such bytes any more."""
        return BanFilter(
            since=_text(self.since_s),
            until=_text(self.until_s),
            active_at=timestamps.to_text(now_s) if self.active else None,
            jails=tuple(map(as_remembered, self.jails)),
            instances=tuple(map(as_remembered, self.instances)),
        )


class Sources(NamedTuple):
    """The jails and the instances that have bans, as far as a selection names any."""

    jails: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()


def as_remembered(name: str) -> str:
    """Return a name of the command line as `collect` has recorded it."""
    return decode(name.encode("utf-8", "surrogateescape"))


def _text(wall_s: float | None) -> str | None:
    return None if wall_s is None else timestamps.to_text(wall_s)
