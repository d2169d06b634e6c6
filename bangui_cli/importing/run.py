"""One import: every row of every input is staged or rejected, in batches, as the input comes."""

from collections.abc import Callable
from sys import getsizeof
from typing import Any

from bangui_cli.access.staging import MOST_PENDING_BYTES, Staging
from bangui_cli.host import clocks
from bangui_cli.importing import csv_records, detection, json_documents, json_lines
from bangui_cli.importing.normaliser import Normaliser
from bangui_cli.importing.records import Chunks, Records
from bangui_cli.importing.rejects import Rejects
from bangui_cli.importing.sources import Source
from bangui_cli.rules.validation import Rejected
from bangui_cli.telling.progress import ProgressBar

_BOM = b"\xef\xbb\xbf"
_READERS: dict[str, Callable[[Chunks], Records]] = {
    "jsonl": json_lines.read,
    "json": json_documents.read,
    "csv": csv_records.read,
}


class Import:
    """Stages the rows of inputs and counts them; nothing counts as staged before its commit."""

    def __init__(self, staging: Staging, rejects: Rejects, bar: ProgressBar, *, in_bytes: bool) -> None:
        self._staging = staging
        self._rejects = rejects
        self._bar = bar
        self._in_bytes = in_bytes
        self._read_bytes = 0
        self._normaliser = Normaliser(clocks.wall_s())
        self.read_rows = 0

    def counts(self) -> dict[str, int]:
        """Return what has become of the rows so far."""
        return {
            "read": self.read_rows,
            "staged": self._staging.staged_rows,
            "rejected": self._rejects.rows,
        }

    def run(self, inputs: list[Source], wanted_format: str) -> None:
        """Import all inputs. Whatever ends it, rows that were taken from a pipe are not dropped."""
        try:
            for source in inputs:
                chunks = _without_bom(source.read_chunks(self._advance))
                self._take(source.path, read_records(chunks, wanted_format))
            self._end_batch(self._staging.commit)
        except BaseException:
            self._staging.save_pending()
            raise

    def _advance(self, size_bytes: int) -> None:
        self._read_bytes += size_bytes
        self._bar.update(self._read_bytes if self._in_bytes else self.read_rows)

    def _take(self, path: str, records: Records) -> None:
        pending, make, pending_bytes = self._staging.pending, self._normaliser.make, 0
        for record in records:
            if record is None:
                self._end_batch(self._staging.commit)
                pending_bytes = 0
                continue
            line, raw, value = record
            self.read_rows += 1
            try:
                entry = make(value)
            except Rejected as error:
                self._bar.hide()
                self._rejects.add(path, line, raw, str(error))
                continue
            pending.append(entry)
            pending_bytes += getsizeof(entry)
            if pending_bytes >= MOST_PENDING_BYTES:
                self._end_batch(self._staging.commit_beside)
                pending_bytes = 0

    def _end_batch(self, commit: Callable[[], None]) -> None:
        self._rejects.flush()
        commit()
        self._normaliser.set_now(clocks.wall_s())


def read_records(chunks: Chunks, wanted_format: str) -> Records:
    """Yield the records of an input in the wanted format, `auto` for the one it is in."""
    if wanted_format == "auto":
        head, found = b"", None
        while found is None:
            chunk = next(chunks, b"")
            if chunk is None:
                yield None
                continue
            head += chunk
            at_end = not chunk or len(head) > detection.HEAD_LIMIT_BYTES
            found = detection.guess(head, at_end=at_end)
        chunks, wanted_format = _chain(head, chunks), found
    yield from _READERS[wanted_format](chunks)


def _chain(head: bytes, chunks: Chunks) -> Chunks:
    yield head
    yield from chunks


def _without_bom(chunks: Chunks) -> Chunks:
    head: Any = b""
    for chunk in chunks:
        if chunk is None:
            yield None
            continue
        head += chunk
        if len(head) >= len(_BOM) or not _BOM.startswith(head):
            break
    if head != _BOM:
        yield head.removeprefix(_BOM)
    yield from chunks
