"""What is known well enough not to be looked up again: pure functions of times."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry

# An entry without a country is asked for again so soon: another file may know.
_UNRESOLVED_AGE_S = 86400.0


class Freshness(NamedTuple):
    """The timestamp texts up to which an entry with a country, and one without, is no longer fresh."""

    resolved: str
    unresolved: str

    def holds(self, entry: Entry) -> bool:
        """Tell whether an entry need not be looked up again."""
        return entry.resolved_at > (self.resolved if entry.country_code else self.unresolved)


def freshness(max_age_s: float, files_made_s: Iterable[float], now_s: float) -> Freshness:
    """Return what is fresh now, given `--max-age` and the wall-clock times of the files."""
    resolved_s = max(now_s - max_age_s, 0.0)
    unresolved_s = max(resolved_s, now_s - _UNRESOLVED_AGE_S, *files_made_s)
    return Freshness(timestamps.to_text(resolved_s), timestamps.to_text(unresolved_s))


def up_to_date(max_age_s: float, files_made_s: Sequence[float], now_s: float) -> Freshness:
    """Return what of the cache is so: with a country, also what is older than all files.

    Where `max_age_s` is 0, nothing is.
    """
    fresh = freshness(max_age_s, files_made_s, now_s)
    if not max_age_s:
        return fresh
    newest = timestamps.to_text(max(files_made_s, default=0.0))
    return fresh._replace(resolved=min(fresh.resolved, newest))
