"""The addresses to resolve: those that are given, and those that fail2ban has banned."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from bangui_cli.access import reading
from bangui_cli.fail2ban.addresses import first_address
from bangui_cli.host import clocks
from bangui_cli.resolving.freshness import Freshness, freshness
from bangui_cli.resolving.mmdb import Mmdb
from bangui_cli.rules.validation import Rejected, normalise_ip
from bangui_cli.store import Store

_LOOKUP_ROWS = 5_000
_PIECE_BYTES = 4096
_LONGEST_WORD = 4096  # no address is as long

Numbered = tuple[int, str]
Reject = Callable[[int, str, str], None]


class Tally:
    """What became of the addresses that were read."""

    def __init__(self) -> None:
        self.read = 0
        self.staged = 0
        self.rejected = 0
        self.skipped = 0
        self.fresh = 0
        self.resolved = 0
        # Whether more may be staged than is counted: an answer never came.
        self.is_in_doubt = False

    @property
    def done(self) -> int:
        """Return how many of the addresses need no more work."""
        return self.staged + self.rejected + self.skipped + self.fresh

    def as_json(self) -> dict[str, int | None]:
        """Return the counts that --json prints, as far as they are known."""
        staged = {
            "staged": self.staged,
            "resolved": self.resolved,
            "unresolved": self.staged - self.resolved,
        }
        counts = {**vars(self), **(dict.fromkeys(staged) if self.is_in_doubt else staged)}
        del counts["is_in_doubt"]
        return counts


def given(texts: Iterable[Numbered], tally: Tally, reject: Reject) -> Iterator[str]:
    """Yield the addresses in normal form; each other text is counted, and rejected by its number."""
    for number, text in texts:
        tally.read += 1
        try:
            yield normalise_ip(text)
        except Rejected as error:
            tally.rejected += 1
            reject(number, text, str(error))


def named(texts: Iterable[str], tally: Tally, reject: Reject) -> list[tuple[str, str]]:
    """Return each address of a command line as it was typed, and in normal form."""
    typed = [(number, text) for number, text in enumerate(texts, 1) if text.strip()]
    return [(each[1], ip) for each in typed for ip in given([each], tally, reject)]


def words(stream: BinaryIO, piece_bytes: int = _PIECE_BYTES) -> Iterator[Numbered]:
    """Yield what stands between blanks, with the number of its line; a # begins a comment.

    Of a word without an end it is the beginning.
    """
    number, begun, is_comment = 1, "", False
    while piece := stream.readline(piece_bytes):
        text = "" if is_comment else begun + piece.decode("utf-8", "replace").lstrip("\ufeff")
        text, mark, _ = text.partition("#")
        is_whole = bool(mark) or piece.endswith(b"\n") or text[-1:].isspace()
        found = text.split()
        begun = "" if is_whole or not found else found.pop()[:_LONGEST_WORD]
        for word in found:
            yield number, word
        is_line_end = piece.endswith(b"\n")
        is_comment = bool(is_comment or mark) and not is_line_end
        number += is_line_end
    if begun:
        yield number, begun


def banned(
    texts: Iterable[str], store: Store, files: Sequence[Mmdb], max_age_s: float, tally: Tally
) -> Iterator[str]:
    """Return those of fail2ban's addresses that the files are to be asked for, each once.

    A network counts for its first address. What is neither is counted as skipped, what is fresh as
    fresh: nothing where `max_age_s` is 0.
    """
    ips = _well_formed(texts, tally)
    tally.read += len(ips) + tally.skipped
    if not max_age_s:
        return iter(ips)
    now_s = clocks.wall_s()
    made_s = [file.made_s(now_s) for file in files]
    return _stale(store, iter(ips), freshness(max_age_s, made_s, now_s), tally)


def _well_formed(texts: Iterable[str], tally: Tally) -> dict[str, None]:
    ips: dict[str, None] = {}
    for text in texts:
        try:
            ips[first_address(text)] = None
        except Rejected:
            tally.skipped += 1
    return ips


def _stale(store: Store, ips: Iterator[str], fresh: Freshness, tally: Tally) -> Iterator[str]:
    while some := list(islice(ips, _LOOKUP_ROWS)):
        with store.snapshot():
            known = reading.find_known(store, some)
        wanted = [ip for ip in some if ip not in known or not fresh.holds(known[ip])]
        tally.fresh += len(some) - len(wanted)
        yield from wanted
