"""A disk that can lose its power: from the calls of a run, the files that a power cut may leave.

What was synced is there. Of a file's later writes any may be missing; of a directory's later changes
those after any moment, because journaling file systems keep their order.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CALLS = "openat,close,pwrite64,ftruncate,fsync,fdatasync,unlink"

_CALL = re.compile(r"(\w+)\((.*)\) += (\d+)$")
_HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class _Change(NamedTuple):
    """A write at an offset, or without data the file's new size."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        size = self.offset if self.data is None else max(len(content), self.offset + len(self.data))
        del content[size:]
        content.extend(bytes(size - len(content)))
        if self.data is not None:
            content[self.offset : self.offset + len(self.data)] = self.data


class _File:
    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.pending: list[_Change] = []

    def sync(self) -> None:
        for change in self.pending:
            change.apply(self.durable)
        self.pending.clear()

    def survivor(self, chance: random.Random, keep: float) -> bytes:
        content = bytearray(self.durable)
        for change in self.pending:
            if chance.random() < keep:
                change.apply(content)
        return bytes(content)


class Disk:
    """One directory, fed with the calls that strace recorded."""

    def __init__(self, directory: Path) -> None:
        """Take the files that are there as durable."""
        self._directory = directory
        self._files = {path.name: _File(path.read_bytes()) for path in directory.iterdir()}
        self._history = [dict(self._files)]
        self._open: dict[str, _File | None] = {}

    def replay(self, trace: str) -> Iterator[None]:
        """Apply the calls of one process; yield after each that changes what a power cut leaves."""
        self._open.clear()
        for line in trace.splitlines():
            match = _CALL.match(line)
            if match and self._apply(match[1], match[2], match[3]):
                yield

    def survivors(self, chance: random.Random, keep: float) -> dict[str, bytes]:
        """Return the files by name after a power cut; `keep` is the odds of each unsynced write."""
        moment = sum(chance.random() < keep for _ in self._history[1:])
        names = self._history[moment]
        return {name: file.survivor(chance, keep) for name, file in names.items()}

    def _apply(self, call: str, arguments: str, result: str) -> bool:
        if call == "openat":
            return self._open_file(arguments, result)
        if call == "unlink":
            name = self._name(arguments)
            return name is not None and self._rename({k: v for k, v in self._files.items() if k != name})
        descriptor, *_ = arguments.split(",", 1)
        if call == "close":
            self._open.pop(descriptor, None)
            return False
        if descriptor not in self._open:
            return False
        return self._change(self._open[descriptor], call, arguments)

    def _open_file(self, arguments: str, descriptor: str) -> bool:
        self._open.pop(descriptor, None)
        name = self._name(arguments)
        if name is None:
            return False
        if name == "":
            self._open[descriptor] = None
            return False
        created = name not in self._files
        if created:
            self._rename({**self._files, name: _File()})
        self._open[descriptor] = self._files[name]
        return created

    def _change(self, file: _File | None, call: str, arguments: str) -> bool:
        if file is None:
            self._history = [dict(self._files)]
        elif call in ("fsync", "fdatasync"):
            file.sync()
        elif call == "ftruncate":
            file.pending.append(_Change(int(arguments.split(",")[1]), None))
        else:
            file.pending.append(_Change(int(arguments.rsplit(",", 1)[1]), _text(arguments)))
        return True

    def _rename(self, files: dict[str, _File]) -> bool:
        self._files = files
        self._history.append(dict(files))
        return True

    def _name(self, arguments: str) -> str | None:
        """Return the name of a file in the directory, "" for the directory, None for any other."""
        path = Path(_text(arguments).decode())
        if path == self._directory:
            return ""
        # SQLite builds the shared memory of a WAL anew after a power cut.
        is_ours = path.parent == self._directory and not path.name.endswith("-shm")
        return path.name if is_ours else None


def _text(arguments: str) -> bytes:
    match = _HEX.search(arguments)
    assert match, arguments
    return bytes.fromhex(match[1].replace("\\x", ""))
