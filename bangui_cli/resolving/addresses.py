"""The addresses to resolve: those that are given, and those that fail2ban has banned."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from bangui_cli.access import reading
from bangui_cli.host import clocks
from bangui_cli.rules import timestamps
from bangui_cli.rules.validation import Rejected, normalise_ip
from bangui_cli.store import Store

_LOOKUP_ROWS = 5_000
_LINE_LIMIT_BYTES = 4096

Reject = Callable[[int, str], None]


class Tally:
    """What became of the addresses that were read."""

    def __init__(self) -> None:
        self.read = 0
        self.staged = 0
        self.rejected = 0
        self.skipped = 0
        self.fresh = 0
        self.resolved = 0

    @property
    def done(self) -> int:
        """Return how many of the addresses need no more work."""
        return self.staged + self.rejected + self.skipped + self.fresh

    def as_json(self) -> dict[str, int]:
        """Return the counts that --json prints."""
        return {**vars(self), "unresolved": self.staged - self.resolved}


def given(texts: Iterable[str], tally: Tally, reject: Reject) -> Iterator[str]:
    """Yield the addresses in normal form; each other text is counted and rejected by its number.

    Blank texts and comments are passed over.
    """
    for number, text in enumerate(map(str.strip, texts), 1):
        if not text or text.startswith("#"):
            continue
        tally.read += 1
        try:
            yield normalise_ip(text)
        except Rejected as error:
            tally.rejected += 1
            reject(number, str(error))


def lines(stream: BinaryIO) -> Iterator[str]:
    """Yield the lines of a stream; of one without an end only its beginning."""
    while line := stream.readline(_LINE_LIMIT_BYTES):
        yield line.decode("utf-8", "replace")
        while len(line) == _LINE_LIMIT_BYTES and not line.endswith(b"\n"):
            line = stream.readline(_LINE_LIMIT_BYTES)


def banned(texts: Sequence[str], store: Store, max_age_s: float, tally: Tally) -> Iterator[str]:
    """Return those of fail2ban's addresses of which nothing is known, or only what is old.

    Networks and malformed values are counted as skipped, and the others as fresh.
    """
    tally.read += len(texts)
    fresh_since = timestamps.to_text(max(clocks.wall_s() - max_age_s, 0))
    return _stale(store, _well_formed(texts, tally), fresh_since, tally)


def _stale(store: Store, ips: Iterator[str], fresh_since: str, tally: Tally) -> Iterator[str]:
    while some := list(islice(ips, _LOOKUP_ROWS)):
        with store.snapshot():
            known = reading.find_known(store, some)
        wanted = [ip for ip in some if ip not in known or known[ip].resolved_at <= fresh_since]
        tally.fresh += len(some) - len(wanted)
        yield from wanted


def _well_formed(texts: Iterable[str], tally: Tally) -> Iterator[str]:
    for text in texts:
        try:
            yield normalise_ip(text)
        except Rejected:
            tally.skipped += 1
