"""Cut a stream of bytes into lines, many at a time, and never hold one that is too long."""

from collections.abc import Iterator
from typing import NamedTuple

from bangui_cli.importing.records import LINE_LIMIT_BYTES, Chunks


class Block(NamedTuple):
    """Whole lines, and the number of the first; only the last of an input may lack its newline."""

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
            rest = _Rest(bytes(held), chunk, chunks)
            yield Overlong(line, rest.parts())
            line, held, chunk = line + 1, bytearray(), rest.drain()
        end = chunk.rfind(b"\n") + 1
        if end:
            yield Block(line, bytes(held) + chunk[:end])
            line, held = line + chunk.count(b"\n"), bytearray()
        held += chunk[end:]
    if held:
        yield Block(line, bytes(held))


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
