"""Rows that are refused: each is counted, logged without its content, and kept as it stood."""

from bangui_cli.host.files import Output
from bangui_cli.importing.records import Raw
from bangui_cli.states import errors, events
from bangui_cli.states.errors import BanguiError
from bangui_cli.telling.log import Log


class Rejects:
    """Keeps the rejected rows in a file, if one is wanted; a context manager."""

    def __init__(self, output: Output | None, log: Log) -> None:
        """Put the file in its place. Raise CannotCreate, PermissionRefused, DiskFull or IoFailed."""
        self.rows = 0
        self._log = log
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


def _to_bytes(raw: str | bytes) -> bytes:
    return raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
