"""JSON of any layout: arrays on one line or many, objects one after the other, batches keyed by address.

ijson's parser takes the input as it comes and hands on events; of these one element is built at a time,
so a document of any size is never held as a whole. Where it is broken it ends.
"""

from collections.abc import Callable, Generator, Iterator
from decimal import Decimal
from typing import Any

from bangui_cli.importing.batches import is_address_like, with_address
from bangui_cli.importing.records import (
    LINE_LIMIT_BYTES,
    MOST_VALUES,
    Chunks,
    Record,
    Records,
    too_long,
    too_many,
)
from bangui_cli.rules.validation import Rejected

_DEEPEST = 100
# Python reads numbers of up to 4,300 digits; over one that is longer ijson 3.6 crashes.
_MOST_DIGITS = 4000
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


def read(chunks: Chunks) -> Records:
    """Yield a record for each element of the arrays and for each object outside of them."""
    document = _Document()
    for chunk in chunks:
        document.take(chunk)
        yield from document.records()
        if document.fault:
            return
        if chunk is None:
            yield None
    document.end()
    yield from document.records()


class _Document:
    """Feeds the parser; `fault` is what ended the document before its end."""

    def __init__(self) -> None:
        import ijson

        self.fault: Rejected | None = None
        builder = _Builder()
        self._elements, target = builder.elements, builder.target()
        next(target)
        # ijson's own elements remember the path to each: for a megabyte of brackets that is 24 GB.
        self._parser = ijson.basic_parse_coro(target, multiple_values=True)
        self._number = 0
        self._held = bytearray()
        self._wanted_bytes = 0
        self._since_element_bytes = 0
        self._last_digits = 0
        self._is_blank = True

    def records(self) -> Iterator[Record]:
        """Yield a record for each element that is whole by now, and for the fault."""
        for value in self._elements:
            self._number += 1
            yield self._number, None, value
        self._elements.clear()
        if self.fault:
            yield self._number + 1, None, self.fault

    def take(self, chunk: bytes | None) -> None:
        """Take what has come, None for a pause."""
        self._held += chunk or b""
        if self._held and (chunk is None or len(self._held) >= self._wanted_bytes):
            self._feed()

    def end(self) -> None:
        """Take that nothing more comes."""
        if self._held:
            self._feed()
        if not self.fault and not self._is_blank:
            self._let(self._parser.close)

    def _feed(self) -> None:
        fed, self._held = bytes(self._held), bytearray()
        self._is_blank = self._is_blank and fed.isspace()
        sound = self._sound_part(fed)
        if sound:  # nothing would tell the parser that the number has ended
            self._let(lambda: self._parser.send(sound))
        if len(sound) < len(fed):
            self._end_with(Rejected("not JSON: a number is too long"))
        self._since_element_bytes = 0 if self._elements else self._since_element_bytes + len(fed)
        if self._since_element_bytes > LINE_LIMIT_BYTES:
            self._end_with(too_long())
        # A text that is cut in two is read from its beginning again: each time it must have doubled.
        self._wanted_bytes = self._since_element_bytes

    def _sound_part(self, fed: bytes) -> bytes:
        """Return what stands before a number that is too long, be it begun in what was fed before."""
        before = self._last_digits
        zeros = b"0" * before + fed.translate(_AS_ZEROS)
        begins_at = zeros.find(b"0" * _MOST_DIGITS)
        self._last_digits = min(len(zeros) - len(zeros.rstrip(b"0")), _MOST_DIGITS)
        return fed if begins_at < 0 else fed[: max(begins_at - before, 0)]

    def _let(self, work: Callable[[], object]) -> None:
        """Let the parser work, and end the document with what it fails on."""
        from ijson.common import JSONError

        try:
            work()
        except JSONError as error:
            self._end_with(_fault(error.args[0]))
        except ArithmeticError:
            self._end_with(Rejected("not JSON: a number is too large"))
        except Rejected as fault:
            self._end_with(fault)

    def _end_with(self, fault: Rejected) -> None:
        self.fault = self.fault or fault


class _Builder:
    """Builds elements of the parser's events. Raise Rejected for one that takes too much to build."""

    def __init__(self) -> None:
        self.elements: list[Any] = []
        # What is begun of the element at hand, the innermost last; in a batch it is not the outermost.
        self._open: list[Any] = []
        self._is_in_batch = False

    def target(self) -> Generator[None, tuple[str, Any], None]:
        """Take events, which are many: fourteen a row."""
        key, values, innermost = "", 0, None
        while True:
            kind, value = yield
            if kind == "map_key":
                key = value
                continue
            values += 1
            if kind in ("string", "number", "null", "boolean"):
                value = float(value) if type(value) is Decimal else value
                if type(innermost) is dict:  # nearly always, so no call
                    innermost[key] = value
                else:
                    (self.elements if innermost is None else innermost).append(value)
            elif kind in ("end_map", "end_array"):
                innermost = self._end(kind)
            else:
                innermost = self._begin({} if kind == "start_map" else [], key)
            if innermost is None:
                values = 0
            elif values > MOST_VALUES:
                raise too_many(MOST_VALUES)

    def _begin(self, container: Any, key: str) -> Any:
        """Begin an object or a list; return the innermost that is open then."""
        if self._begins_batch(container, key):
            self._open.clear()
            self._is_in_batch = True
        if self._open:
            _put(self._open[-1], key, container)
        elif self._is_in_batch:
            container = with_address(key, container)
        elif type(container) is list:
            return None  # its items are elements
        if len(self._open) == _DEEPEST:
            raise Rejected("nested too deeply")
        self._open.append(container)
        return container

    def _begins_batch(self, container: Any, key: str) -> bool:
        """Tell whether the object at hand is a batch: its first value is an object under an address."""
        is_first = len(self._open) == 1 and self._open[0] == {} and not self._is_in_batch
        return is_first and type(container) is dict and is_address_like(key)

    def _end(self, kind: str) -> Any:
        """End the innermost object or list; return the one around it."""
        if not self._open:
            self._is_in_batch = self._is_in_batch and kind != "end_map"
            return None
        ended = self._open.pop()
        if self._open:
            return self._open[-1]
        self.elements.append(ended)
        return None


def _put(container: Any, key: str, value: Any) -> None:
    if type(container) is dict:
        container[key] = value
    else:
        container.append(value)


def _fault(said: object) -> Rejected:
    """Say what the parser said, but not what it quotes of the input."""
    message = said.decode("ascii", "replace") if isinstance(said, bytes) else str(said)
    message = message.partition("\n")[0]
    if "premature EOF" in message or "Incomplete JSON" in message:
        return Rejected("the input ends in the middle of a list or an object")
    return Rejected(f"not JSON from here on: {message.partition(': ')[2] or message}")
