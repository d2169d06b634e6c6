"""Read the words of a stream, however long it is and however long a word of it."""

from collections.abc import Iterator
from typing import BinaryIO

_CHUNK_BYTES = 65_536
# What is longer is no word that anyone looks for: only its beginning is kept.
_LIMIT_BYTES = 4096


def read_words(stream: BinaryIO) -> Iterator[str]:
    """Yield what stands between white space, as it comes."""
    begun = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *whole, begun = (begun + chunk + b"x").split()
        begun = begun[:-1][:_LIMIT_BYTES]
        yield from map(_decode, whole)
    if begun:
        yield _decode(begun)


def _decode(word: bytes) -> str:
    return word[:_LIMIT_BYTES].decode("utf-8", "replace")
