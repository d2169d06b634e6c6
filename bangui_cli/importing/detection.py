"""Tell the format of an input by how it begins."""

import json
from typing import Literal

from bangui_cli.importing import csv_records

Format = Literal["jsonl", "json", "csv"]
HEAD_LIMIT_BYTES = 256 * 1024
_MOST_LINES = 100

_decode = json.JSONDecoder().raw_decode


class Detection:
    """Judges an input by its first lines as they come, each of them once.

    A first line that is broken is passed over, for the lines behind it.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._bytes = 0
        self._lines = 0
        self._last_line = ""

    def take(self, chunk: bytes) -> Format | None:
        """Return the format; None while what has come is too little to tell. Nothing is the end."""
        self._bytes += len(chunk)
        self._rest += chunk
        is_end = not chunk or self._bytes > HEAD_LIMIT_BYTES
        for line in self._whole_lines(chunk, is_end):
            found = self._judge(line.decode("utf-8", "replace").strip())
            if found:
                return found
        if not self._last_line and self._begins_list():
            return "json"
        return "jsonl" if is_end else None

    def _whole_lines(self, chunk: bytes, is_end: bool) -> list[bytearray]:
        if not is_end and b"\n" not in chunk:
            return []
        *whole, self._rest = self._rest.split(b"\n")
        return [*whole, self._rest] if is_end else whole

    def _begins_list(self) -> bool:
        if self._rest[:1].isspace():
            self._rest = self._rest.lstrip()
        return self._rest.startswith(b"[")

    def _judge(self, line: str) -> Format | None:
        if not line:
            return None
        found = _guess_line(self._last_line, line) or _guess_line(line, "")
        self._last_line = line
        self._lines += 1
        return found or ("jsonl" if self._lines == _MOST_LINES else None)


def _guess_line(line: str, following: str) -> Format | None:
    if line.startswith("["):
        return "json"
    if line.startswith("{"):
        return _guess_object(line, following)
    return "csv" if csv_records.find_header(line) else None


def _guess_object(line: str, following: str) -> Format | None:
    """Tell an object a line from one that goes on behind its first line; None for a broken one."""
    try:
        _, end = _decode(line)
    except json.JSONDecodeError as error:
        goes_on = error.pos >= len(line) and following and following[0] not in "{["
        return "json" if goes_on else None
    except (ValueError, RecursionError):
        return None
    return "json" if line[end:].lstrip(" ,").startswith("{") else "jsonl"
