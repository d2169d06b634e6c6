"""MMDB files that no maker would write: trees that lead in circles, records that unfold, odd metadata."""

from pathlib import Path
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_UINT16, _UINT32, _UINT64 = 5, 6, 9
_SEPARATOR_BYTES = 16


def _control(kind: int, size: int) -> bytes:
    """Return the head of a value: 3 bits of kind, 5 of size, either continued behind."""
    extended = bytes([kind - 7]) if kind > 7 else b""
    more = bytes([size - 29]) if size >= 29 else b""
    return bytes([((0 if kind > 7 else kind) << 5) | min(size, 29)]) + extended + more


def encode(value: Any, kind: int = _UINT32) -> bytes:
    """Encode text, a map, an array or a whole number of that kind."""
    if isinstance(value, str):
        return _control(2, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(encode, value))
    if isinstance(value, bytes):  # encoded already
        return value
    content = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return _control(kind, len(content)) + content


def _pointer(offset: int) -> bytes:
    return bytes([0x20 | offset >> 8, offset & 255])


def _write(path: Path, tree: list[int], data: bytes, *, built_s: int = 1_700_000_000) -> Path:
    """Write a tree in which both ways of a node lead to the same place."""
    metadata = {
        "node_count": len(tree), "record_size": encode(24, _UINT16), "ip_version": encode(6 if len(tree) > 1 else 4, _UINT16),
        "database_type": "Test", "languages": ["en"], "binary_format_major_version": encode(2, _UINT16),
        "binary_format_minor_version": encode(0, _UINT16), "build_epoch": encode(built_s, _UINT64),
        "description": {"en": "hostile"},
    }  # fmt: skip
    nodes = b"".join(place.to_bytes(3, "big") * 2 for place in tree)
    path.write_bytes(nodes + bytes(_SEPARATOR_BYTES) + data + _MARKER + encode(metadata))
    return path


def write_built(path: Path, built_s: int) -> Path:
    """Write a file that says when it was built: DE for every address."""
    return _write(path, [1 + _SEPARATOR_BYTES], encode({"country": {"iso_code": "DE"}}), built_s=built_s)


def write_endless(path: Path) -> Path:
    """Write a file whose tree has 2 to the 127th branches, and nothing at the end of any."""
    return _write(path, [*range(1, 128)], encode({}))


def write_unfolding(path: Path, levels: int = 8, *, fan: int = 20) -> Path:
    """Write a file whose one record of a few hundred bytes unfolds to `fan` ** `levels` values."""
    data, begins = encode("A" * 28), [0]
    for _ in range(levels):
        begins.append(len(data))
        data += encode([_pointer(begins[-2])] * fan)
    record = encode({"country": {"iso_code": "DE", "x": _pointer(begins[-1])}})
    return _write(path, [1 + _SEPARATOR_BYTES + len(data)], data + record)
