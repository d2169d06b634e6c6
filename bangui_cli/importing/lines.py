"""Cut a stream of bytes into lines, many at a time, and never hold one that is too long."""

from collections.abc import Iterator
from typing import NamedTuple

from bangui_cli.importing.records import LINE_LIMIT_BYTES, Chunks


class Block(NamedTuple):
    """Whole lines without the newline of the last, and the number of the first."""

    line: int
    data: bytes


class Overlong(NamedTuple):
    """A line over the limit; its parts are read from the input as they are asked for."""

    line: int
    parts: Iterator[bytes]


def read_blocks(chunks: Chunks) -> Iterator[Block | Overlong | None]:
    """Yield the lines of an input in blocks, None where it pauses."""
    line, held = 1, bytearray()
    for read in chunks:
        if read is None:
            yield None
            continue
        chunk = read
        first_end = chunk.find(b"\n") + 1
        if len(held) + (first_end or len(chunk)) > LINE_LIMIT_BYTES:
            rest = _Rest(_empty(held), chunk, chunks)
            yield Overlong(line, rest.parts())
            line, chunk = line + 1, rest.drain()
        elif held and first_end:
            # By itself: a line of many chunks is held once, and not beside what it is put into.
            held += chunk[: first_end - 1]
            yield Block(line, _empty(held))
            line, chunk = line + 1, chunk[first_end:]
        end = chunk.rfind(b"\n")
        if end >= 0:
            yield Block(line, chunk[:end])
            line += chunk.count(b"\n")
        held += chunk[end + 1 :]
    if held:
        yield Block(line, _empty(held))


def _empty(held: bytearray) -> bytes:
    """Return what is held, and hold it no longer."""
    whole = bytes(held)
    held.clear()
    return whole


class _Rest:
    """What is left of a line that is too long."""

    def __init__(self, held: bytes, chunk: bytes, chunks: Chunks) -> None:
        self._held = held
        self._chunk = chunk
        self._chunks = chunks
        self._parts = self._read()

    def parts(self) -> Iterator[bytes]:
        """Return the one iterator over the parts of the line."""
        return self._parts

    def drain(self) -> bytes:
        """Skip what nobody asked for; return the bytes behind the line."""
        for _ in self._parts:
            pass
        return self._chunk

    def _read(self) -> Iterator[bytes]:
        held, self._held = self._held, b""
        yield held
        del held
        while b"\n" not in self._chunk:
            yield self._chunk
            self._chunk = next(filter(None, self._chunks), b"")
            if not self._chunk:
                return
        end = self._chunk.index(b"\n") + 1
        line_end, self._chunk = self._chunk[:end], self._chunk[end:]
        yield line_end
