"""What the readers of all formats hand on, one record a row of the input."""

from collections.abc import Iterator
from typing import Any

from bangui_cli.rules.validation import Rejected

LINE_LIMIT_BYTES = 16 * 1024 * 1024

Chunks = Iterator[bytes | None]
"""Bytes as they come; None where the input pauses, so that what is pending can be committed."""

Raw = str | bytes | Iterator[bytes]
"""A row as it stood in the input; parts for one that is too long to be held."""

Record = tuple[int, Raw, Any]
"""Line number (from 1), the row as it stood, its value: a dict, or a Rejected that says why not."""

Records = Iterator[Record | None]


def too_long() -> Rejected:
    """Return the reason to refuse what would have to be held in memory."""
    return Rejected(f"longer than {LINE_LIMIT_BYTES // 1024**2} MiB")


def not_utf8() -> Rejected:
    """Return the reason to refuse bytes in another encoding."""
    return Rejected("not UTF-8")


def not_json(error: Exception) -> Rejected:
    """Return the reason to refuse what the JSON parser refused, without quoting the input."""
    if isinstance(error, RecursionError):
        return Rejected("not JSON: nested too deeply")
    message, column = getattr(error, "msg", "a number is too long"), getattr(error, "colno", None)
    return Rejected(f"not JSON: {message}" + (f" (column {column})" if column else ""))
