"""What was worked out once, within bounds that no input can move."""

from collections.abc import Hashable
from sys import getsizeof
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

# What a dictionary and a few small objects take beside the texts of an entry.
_ENTRY_BYTES = 300


class Memory(dict[Key, Value]):
    """A dictionary that forgets everything when it would become too large."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self._most_bytes = most_bytes
        self._held_bytes = 0

    def keep(self, key: Key, value: Value) -> None:
        """Remember a value, unless it alone would push many others out."""
        size_bytes = _ENTRY_BYTES + _size_bytes(key) + _size_bytes(value)
        if size_bytes > self._most_bytes // 16:
            return
        self._held_bytes += size_bytes
        if self._held_bytes > self._most_bytes:
            self.clear()
            self._held_bytes = size_bytes
        self[key] = value


def _size_bytes(thing: Any) -> int:
    parts = thing if type(thing) is tuple else ()
    return getsizeof(thing) + sum(map(getsizeof, parts))
