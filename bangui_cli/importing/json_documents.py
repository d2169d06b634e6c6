"""JSON of any layout: arrays on one line or many, single objects, answers one after the other.

The parser walks from element to element, so an array of any size is never held as a whole. What
cannot be parsed is skipped up to where the next element seems to begin.
"""

import codecs
import json
import re
from collections.abc import Iterator

from bangui_cli.importing.records import (
    LINE_LIMIT_BYTES,
    Chunks,
    Record,
    Records,
    not_json,
    not_utf8,
    too_long,
)
from bangui_cli.rules.validation import Rejected

_decode = json.JSONDecoder().raw_decode
_separators = re.compile(r"[\s,\[\]]*").match
# ipinfo.io's batch answer: one object whose keys are the addresses.
_ADDRESS_KEY = r'"[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*"\s*:\s*\{'
_keyed_batch = re.compile(rf"\{{(?=\s*{_ADDRESS_KEY})").match
_key = re.compile(r'"([^"\\\x00-\x1f]*)"\s*:\s*').match
# A number, a word or a short text where a list should have an object.
_scalar = re.compile(r'(?:"[^"\\\n]*"|[^\s",:{}\[\]]+)(?=\s*[,\]])').match
_next_key = re.compile(rf"(?:,\s*|\n\s*)(?={_ADDRESS_KEY})")
_next_line = re.compile(r"\n|,\s*(?=[{\[])")
# As far behind its place as an error of the parser may be named, for a text that just ends too early.
_UNFINISHED_CHARACTERS = 12
# What may stand between two elements and be cut in two by the end of the window.
_OVERLAP_CHARACTERS = 4096


def read(chunks: Chunks) -> Records:
    """Yield a record for each element of the arrays and for each object outside of them."""
    return _Walk(chunks, 1).records()


def read_text(text: str, line: int) -> Iterator[Record]:
    """Yield the records of a text that begins on `line` of the input."""
    walk = _Walk(iter([text.encode("utf-8", "surrogateescape")]), line)
    return (record for record in walk.records() if record)


def is_keyed_batch(text: str) -> bool:
    """Tell whether a text is one object whose keys are addresses."""
    return _keyed_batch(text) is not None


class _Walk:
    """Walks over a window of the input, which it moves and widens as it needs."""

    def __init__(self, chunks: Chunks, line: int) -> None:
        self._chunks = chunks
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._position = 0
        self._line, self._counted_to = line, 0
        self._depth = 0
        self._in_keyed_batch = False
        self._at_end = False

    def records(self) -> Records:
        """Yield the records, None where the input pauses."""
        while True:
            self._skip_separators()
            if self._position < len(self._text):
                yield from self._read_element()
            elif self._at_end:
                break
            else:
                yield from self._widen()
        if self._depth or self._in_keyed_batch:
            yield self._line_here(), b"", Rejected("the input ends in the middle of a list")

    def _widen(self) -> Iterator[None]:
        """Read on, at least as much as is held: what is parsed again and again must not add up."""
        self._line_here()
        parts = [self._text[self._position :]]
        wanted = 2 * len(parts[0]) or 1
        self._text, self._position, self._counted_to = "", 0, 0
        while sum(map(len, parts)) < wanted and not self._at_end:
            chunk = next(self._chunks, b"")
            if chunk is None:
                yield None
            else:
                self._at_end = not chunk
                parts.append(self._decoder.decode(chunk, final=self._at_end))
        self._text = "".join(parts)

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted_to, self._position)
        self._counted_to = self._position
        return self._line

    def _skip_separators(self) -> None:
        end = _separators(self._text, self._position).end()  # type: ignore[union-attr]
        if end > self._position:
            skipped = self._text[self._position : end]
            self._depth = max(self._depth + skipped.count("[") - skipped.count("]"), 0)
        self._position = end
        if self._in_keyed_batch:
            leaves = self._text.startswith("}", end)
        else:
            leaves = _keyed_batch(self._text, end) is not None
        if leaves:
            self._in_keyed_batch = not self._in_keyed_batch
            self._position += 1
            self._skip_separators()

    def _read_element(self) -> Records:
        start = self._position
        key = _key(self._text, start) if self._in_keyed_batch else None
        if not key and not self._text.startswith("{", start):
            yield from self._read_no_object()
            return
        try:
            value, end = _decode(self._text, key.end() if key else start)
        except (ValueError, RecursionError) as error:
            yield from self._read_broken(error)
            return
        if end == len(self._text) and not self._at_end and not isinstance(value, dict):
            yield from self._widen()  # a number may go on
            return
        line, raw = self._line_here(), self._text[start:end]
        self._position = end
        if not raw.isascii() and not _is_utf8(raw):
            value = not_utf8()
        elif key and isinstance(value, dict):
            value = {"ip": key[1], **value}
        yield line, raw, value

    def _read_no_object(self) -> Records:
        scalar = _scalar(self._text, self._position) if self._depth else None
        left_characters = len(self._text) - self._position
        if scalar:
            line, self._position = self._line_here(), scalar.end()
            yield line, scalar[0], Rejected("not an object")
        elif self._depth and not self._at_end and left_characters < _OVERLAP_CHARACTERS:
            yield from self._widen()  # what ends it may stand behind the window
        else:
            # A stray quote must not make a text of all that stands up to the next one.
            yield from self._refuse(Rejected("not an object"), self._position + 1)

    def _read_broken(self, error: Exception) -> Records:
        if len(self._text) - self._position > LINE_LIMIT_BYTES:
            yield from self._refuse(too_long(), len(self._text))
        elif not self._at_end and self._may_be_unfinished(error):
            yield from self._widen()
        else:
            yield from self._refuse(not_json(error), self._position + 1)

    def _refuse(self, reason: Rejected, search_from: int) -> Records:
        self._depth = 0  # the brackets of what is skipped are not counted
        parts = self._skip(search_from)
        yield self._line_here(), parts, reason
        for _ in parts:
            pass

    def _may_be_unfinished(self, error: Exception) -> bool:
        """Tell whether the element may only go on behind the window."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        near_end = error.pos >= len(self._text) - _UNFINISHED_CHARACTERS
        return near_end or error.msg.startswith("Unterminated string")

    def _skip(self, search_from: int) -> Iterator[bytes]:
        """Move to where the next element seems to begin; yield what lies between."""
        next_element = self._next_element()
        while True:
            found = next_element.search(self._text, search_from)
            if found:
                yield self._take(found.start())
                self._position = found.end()
                return
            if self._at_end:
                yield self._take(len(self._text))
                return
            yield self._take(max(len(self._text) - _OVERLAP_CHARACTERS, self._position))
            for _ in self._widen():
                pass
            search_from = self._position

    def _take(self, end: int) -> bytes:
        start, self._position = self._position, end
        return self._text[start:end].encode("utf-8", "surrogateescape")

    def _next_element(self) -> re.Pattern[str]:
        """Return what the next element begins with, seen from the one at hand."""
        if self._in_keyed_batch:
            return _next_key
        if not self._text.startswith("{", self._position):
            return _next_line
        # In pretty-printed JSON what is indented further belongs to the element itself.
        line_start = self._text.rfind("\n", 0, self._position) + 1
        indent = self._position - line_start
        return re.compile(rf"(?:,\s*(?=[{{\[]))|\n(?=[ \t]{{0,{min(indent, 64)}}}[{{\[\]])")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
