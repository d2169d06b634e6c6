"""How long things are kept: pure arithmetic of times."""

from bangui_cli.rules import timestamps
from bangui_cli.states.records import Record

# Sorts before every time: nothing is older.
KEEP_ALL = ""


class Retention(Record):
    """The timestamp texts before which cached addresses, and bans, are no longer kept."""

    cache_before: str
    history_before: str


def retention(now_s: float, cache_age_s: float | None, history_age_s: float | None) -> Retention:
    """Return what is kept at a moment, given ages; None keeps all."""
    return Retention(_before(now_s, cache_age_s), _before(now_s, history_age_s))


def _before(now_s: float, age_s: float | None) -> str:
    # A clock that stands near 1970 makes nothing old.
    return KEEP_ALL if age_s is None or age_s >= now_s else timestamps.to_text(now_s - age_s)
