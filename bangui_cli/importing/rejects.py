"""Rows that are refused, kept in a form that can be corrected and imported again."""

import json
import os
import stat
from typing import Any

from bangui_cli.importing import sources
from bangui_cli.importing.records import Line, Raw
from bangui_cli.rules.validation import Rejected
from bangui_cli.states import errors
from bangui_cli.states.errors import BanguiError, CannotCreate, UsageFault


class Rejects:
    """Keeps the rejected rows in a file, if one is wanted; a context manager."""

    def __init__(self, path: str | None) -> None:
        """Create the file. Raise CannotCreate."""
        self._header: str | None = None
        self._path = path
        self._file = None
        if path is not None:
            try:
                # Addresses are nobody else's business.
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise CannotCreate(f"cannot create {path}: {error.strerror}") from None
            self._file = os.fdopen(descriptor, "wb")

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


def require_own_file(path: str | None, others: list[str]) -> None:
    """Raise UsageFault where the rejects would be written over an input or the database."""
    status = None if path is None else sources.status_of(path)
    for other in others:
        taken = sources.status_of(other)
        if status and taken and os.path.samestat(status, taken) and not _is_device(status):
            name = "stdin" if other == sources.STDIN else other
            raise UsageFault(
                f"--rejects {path} would be written over {name}",
                hint="name another file for the rejects",
            )


def _is_device(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode)


def _to_bytes(line: str | bytes) -> bytes:
    return line.encode() if isinstance(line, str) else line


def _to_json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate
        return json.dumps(value).encode()
    except RecursionError:
        return b"null"
