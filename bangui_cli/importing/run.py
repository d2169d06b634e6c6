"""One import: every row of every input is staged or rejected, in batches, as the input comes."""

from collections.abc import Callable
from sys import getsizeof
from typing import Any

from bangui_cli.access.staging import Staging
from bangui_cli.host import clocks
from bangui_cli.importing import reasons
from bangui_cli.importing.contents import Refusal
from bangui_cli.importing.normaliser import Normaliser
from bangui_cli.importing.reading import Reader
from bangui_cli.importing.records import Alike, Raw, Record
from bangui_cli.importing.rejects import Rejects
from bangui_cli.importing.report import HOPELESS_ROWS, Report, Unusable
from bangui_cli.importing.sources import Source
from bangui_cli.rules.validation import Rejected
from bangui_cli.telling.log import Log
from bangui_cli.telling.progress import ProgressBar


class Import:
    """Stages the rows of inputs and counts them; nothing counts as staged before its commit."""

    normaliser = Normaliser
    # What is told of rows that are taken in.
    done = "staged"

    def __init__(
        self, staging: Staging, rejects: Rejects, log: Log, bar: ProgressBar, *, in_bytes: bool
    ) -> None:
        self._staging = staging
        self._rejects = rejects
        self._log = log
        self._bar = bar
        self._in_bytes = in_bytes
        self._read_bytes = 0
        self._pending_bytes = 0
        self._normaliser = self.normaliser(staging.now_s())
        self.read_rows = 0
        self.rejected_rows = 0
        self.refused: dict[str, Refusal] = {}

    def counts(self) -> dict[str, int | None]:
        """Return what has become of the rows so far, as far as that is known.

        Resolved are those with a country.
        """
        unresolved_rows = self._normaliser.unresolved_rows
        return {
            "read": self.read_rows,
            "staged": None if self._staging.is_in_doubt else self._staging.staged_rows,
            "rejected": self.rejected_rows,
            "resolved": self.read_rows - self.rejected_rows - unresolved_rows,
            "unresolved": unresolved_rows,
        }

    def run(self, inputs: list[Source], wanted_format: str) -> None:
        """Import all inputs. Whatever ends it, rows that were taken from a pipe are not dropped."""
        try:
            for source in inputs:
                self._import(source, wanted_format)
            self._end_batch(self._staging.commit)
        except BaseException:
            self._staging.save_pending()
            raise

    def _import(self, source: Source, wanted_format: str) -> None:
        report = Report(source.path, self._log, self.read_rows)
        reader = Reader(source.read_chunks(self._advance), wanted_format)
        self._normaliser.forget_unknown()
        try:
            self._take(reader, report)
        except Unusable as unusable:
            self.refused[source.path] = unusable.refusal
        finally:
            self._bar.hide()
            report.close(self._normaliser)

    def _advance(self, size_bytes: int) -> None:
        self._read_bytes += size_bytes
        self._bar.update(self._read_bytes if self._in_bytes else self.read_rows)

    def _take(self, reader: Reader, report: Report) -> None:
        for record in reader.records():
            if record is None:
                self._end_batch(self._staging.commit)
            elif isinstance(record, Alike):
                self._take_alike(record, reader, report)
            else:
                self._take_one(record, reader, report)
            if self._pending_bytes >= self._staging.most_pending_bytes:
                self._end_batch(self._staging.commit_beside)
        if report.rejected_rows:
            report.require_hope(self.read_rows, reader.head)

    def _take_alike(self, alike: Alike, reader: Reader, report: Report) -> None:
        """Take rows in their order: of two entries of one address the later may count."""
        entries = self._normaliser.make_plain(alike.rows)
        if all(entries):
            self.read_rows += len(entries)
            self._add(entries)
            return
        for record, entry in zip(alike.records(), entries, strict=True):
            if entry:
                self.read_rows += 1
                self._add([entry])
            else:
                self._take_one(record, reader, report)

    def _take_one(self, record: Record, reader: Reader, report: Report) -> None:
        number, raw, value = record
        self.read_rows += 1
        try:
            entry = self._normaliser.make(value)
        except Rejected as error:
            report.unit = reader.unit
            self._reject(report, number, raw, value, error)
            if report.rejected_rows == HOPELESS_ROWS:
                report.require_hope(self.read_rows, reader.head)
        else:
            self._add([entry])

    def _add(self, entries: list[str]) -> None:
        self._staging.pending += entries
        self._pending_bytes += sum(map(getsizeof, entries))

    def _reject(self, report: Report, number: int, raw: Raw, value: Any, error: Rejected) -> None:
        self.rejected_rows += 1
        self._rejects.add(raw, value)
        if report.count(number):
            self._bar.hide()
            report.tell(number, self.explain(value, error))

    def explain(self, value: Any, error: Rejected) -> str:
        """Return why a row is refused, with the name that it has for the field."""
        return reasons.explain(value, error, clocks.wall_s())

    def _end_batch(self, commit: Callable[[], None]) -> None:
        self._rejects.flush()
        commit()
        self._pending_bytes = 0
        self._normaliser.set_now(self._staging.now_s())
