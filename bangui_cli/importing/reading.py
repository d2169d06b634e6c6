"""Read the records of an input, in the format that is asked for or that it is in."""

from collections.abc import Callable
from typing import Any

from bangui_cli.importing import csv_records, json_documents, json_lines
from bangui_cli.importing.contents import HEAD_BYTES, refuse
from bangui_cli.importing.detection import Detection
from bangui_cli.importing.records import Chunks, Records
from bangui_cli.importing.report import Unusable

_BOM = b"\xef\xbb\xbf"
_READERS: dict[str, Callable[[Chunks], Records]] = {
    "jsonl": json_lines.read,
    "json": json_documents.read,
    "csv": csv_records.read,
}


class Reader:
    """Reads one input; `head` is how it begins, as far as is known by then."""

    def __init__(self, chunks: Chunks, wanted_format: str) -> None:
        self._chunks = chunks
        self._format = wanted_format
        self.head = b""

    @property
    def unit(self) -> str:
        """Return what the numbers of records count."""
        return "element" if self._format == "json" else "line"

    def records(self) -> Records:
        """Yield the records of the input, None where it pauses. Raise Unusable for a wrong file."""
        chunks = _without_bom(self._look_at(self._chunks))
        if self._format == "auto":
            found, detection, held = None, Detection(), list[bytes]()
            while found is None:
                chunk = next(chunks, b"")
                if chunk is None:
                    yield None
                    continue
                held.append(chunk)
                found = detection.take(chunk)
            self._format, chunks = found, _chain(b"".join(held), chunks)
        yield from _READERS[self._format](chunks)

    def _look_at(self, chunks: Chunks) -> Chunks:
        """Keep how the input begins, and raise Unusable where that says enough."""
        for chunk in chunks:
            if chunk and len(self.head) < HEAD_BYTES:
                self.head = (self.head + chunk)[:HEAD_BYTES]
                refusal = refuse(self.head)
                if refusal:
                    raise Unusable(refusal)
            yield chunk


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
