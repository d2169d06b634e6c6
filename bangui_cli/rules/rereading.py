"""Many items that are never in memory all at once, and can be gone through again all the same."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
Other = TypeVar("Other")


class Rereadable(Generic[Item]):
    """Items of which `read` begins with the first each time."""

    def __init__(self, read: Callable[[], Iterator[Item]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Item]:
        return self._read()


class Copied(Rereadable[Item]):
    """So many rows that lie somewhere."""

    def __init__(self, read: Callable[[], Iterator[Item]], count: int) -> None:
        super().__init__(read)
        self._count = count

    def __len__(self) -> int:
        return self._count

    def each(self, make: Callable[[Item], Other]) -> "Copied[Other]":
        """Return what a function makes of each row, anew whenever it is read."""
        return Copied(lambda: map(make, self._read()), self._count)
