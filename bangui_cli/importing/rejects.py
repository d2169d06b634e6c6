"""Rows that are refused: each is counted, logged without its content, and kept as it stood."""

import os
import stat

from bangui_cli.importing import sources
from bangui_cli.importing.records import Raw
from bangui_cli.states import errors, events
from bangui_cli.states.errors import BanguiError, CannotCreate, UsageFault
from bangui_cli.telling.log import Log


class Rejects:
    """Keeps the rejected rows in a file, if one is wanted; a context manager."""

    def __init__(self, path: str | None, log: Log) -> None:
        """Create the file. Raise CannotCreate."""
        self.rows = 0
        self._log = log
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

    def add(self, file: str, line: int, raw: Raw, reason: str) -> None:
        """Keep a row and log why it was refused. Raise DiskFull or IoFailed."""
        self.rows += 1
        try:
            self._write(raw)
        except OSError as error:
            raise self._failure(error) from None
        self._log.emit(events.IMPORT_ROW_REJECTED, file=file, line=line, reason=reason)

    def flush(self) -> None:
        """Put the rows that were kept where a kill does not reach them."""
        if self._file:
            try:
                self._file.flush()
            except OSError as error:
                raise self._failure(error) from None

    def _write(self, raw: Raw) -> None:
        parts = iter([_to_bytes(raw)]) if isinstance(raw, str | bytes) else raw
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


def _to_bytes(raw: str | bytes) -> bytes:
    return raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
