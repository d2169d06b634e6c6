"""Rows that are refused, kept in a form that can be corrected and imported again."""

import json
from typing import Any

from bangui_cli.host.files import Output
from bangui_cli.importing.records import Line, Raw
from bangui_cli.rules.validation import Rejected
from bangui_cli.states import errors
from bangui_cli.states.errors import BanguiError


class Rejects:
    """Keeps the rejected rows in a file, if one is wanted; a context manager."""

    def __init__(self, output: Output | None) -> None:
        """Put the file in its place. Raise CannotCreate, PermissionRefused, DiskFull or IoFailed."""
        self._header: str | None = None
        self._path = output and output.path
        self._file = output and output.begin()

    def __enter__(self) -> "Rejects":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            try:
                self._file.close()
            except OSError as error:
                raise self._failure(error) from None

    def add(self, raw: Raw, value: Any) -> None:
        """Keep a row. Raise DiskFull or IoFailed."""
        if self._file is None:
            return
        try:
            self._write_row(raw, value)
        except OSError as error:
            raise self._failure(error) from None

    def flush(self) -> None:
        """Put the rows that were kept where a kill does not reach them."""
        if self._file:
            try:
                self._file.flush()
            except OSError as error:
                raise self._failure(error) from None

    def _write_row(self, raw: Raw, value: Any) -> None:
        if isinstance(raw, tuple):
            header, raw = raw
            if header != self._header:
                self._header = header
                self._write_line(header)
        if raw is not None:
            self._write_line(raw)
        elif not isinstance(value, Rejected):
            self._write_line(_to_json(value))

    def _write_line(self, line: Line) -> None:
        parts = iter([_to_bytes(line)]) if isinstance(line, str | bytes) else line
        last = b""
        for part in parts:
            if self._file:
                self._file.write(part)
            last = part or last
        if self._file and last and not last.endswith(b"\n"):
            self._file.write(b"\n")

    def _failure(self, error: OSError) -> BanguiError:
        return errors.of_os_error(error, f"cannot write the rejects to {self._path}")


def _to_bytes(line: str | bytes) -> bytes:
    return line.encode() if isinstance(line, str) else line


def _to_json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate
        return json.dumps(value).encode()
    except RecursionError:
        return b"null"
