"""What is told of one input: its first refused rows one by one, the others in one event."""

from bangui_cli.importing.contents import Refusal, describe
from bangui_cli.importing.normaliser import Normaliser
from bangui_cli.states import events
from bangui_cli.telling.log import Log

MOST_REPORTED_ROWS = 100
# Whose first rows are all refused is not what it was taken for.
HOPELESS_ROWS = 1000
_LONGEST_FIELD_CHARACTERS = 40
_NAMES_HINT = "rename what is known: country_code, country_name, asn, org (bangui import --help)"
_OF_HISTORY = {"jail", "banned_at"}
_HISTORY_HINT = "what bangui export history wrote is read with --history"
_COUNTRY_HINT = "these have no country now: give country_code, or the name as ISO 3166 has it in English"


class Unusable(Exception):
    """Nothing of an input could be used, or can be hoped to."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Report:
    """Counts the rows of one input and tells of those that are refused."""

    def __init__(self, file: str, log: Log, rows_before: int) -> None:
        self._file = file
        self._log = log
        self._rows_before = rows_before
        self._first_untold, self._last_untold = 0, 0
        self.unit = "line"
        self.rejected_rows = 0

    def count(self, number: int) -> bool:
        """Count a row that is refused; tell whether it is one of the first, which are told of."""
        self.rejected_rows += 1
        if self.rejected_rows <= MOST_REPORTED_ROWS:
            return True
        self._first_untold = self._first_untold or number
        self._last_untold = number
        return False

    def tell(self, number: int, reason: str) -> None:
        """Tell why a row is refused. In a document its number is no line; it is given by both names."""
        place = {"line": number, self.unit: number}
        self._log.emit(events.IMPORT_ROW_REJECTED, file=self._file, **place, reason=reason)

    def require_hope(self, read_rows: int, head: bytes) -> None:
        """Raise Unusable when the first of the rows, or all that there are, have been refused."""
        rows = read_rows - self._rows_before
        if rows == self.rejected_rows:
            raise Unusable(describe(head, rows))

    def close(self, normaliser: Normaliser) -> None:
        """Tell of what was left out, and of rows in which something was not understood."""
        untold_rows = self.rejected_rows - MOST_REPORTED_ROWS
        if untold_rows > 0:
            self._log.emit(
                events.IMPORT_ROWS_REJECTED, file=self._file, rows=untold_rows,
                first_line=self._first_untold, last_line=self._last_untold,
            )  # fmt: skip
        if normaliser.unknown_rows:
            fields = [field[:_LONGEST_FIELD_CHARACTERS] for field in normaliser.unknown_fields]
            remedy = _HISTORY_HINT if set(fields) >= _OF_HISTORY else _NAMES_HINT
            self._log.emit(
                events.IMPORT_FIELDS_UNKNOWN, file=self._file, rows=normaliser.unknown_rows,
                fields=fields, hint=f"they count as failed resolutions; {remedy}",
            )  # fmt: skip
        if normaliser.unknown_country:
            country = normaliser.unknown_country[:_LONGEST_FIELD_CHARACTERS]
            self._log.emit(
                events.IMPORT_COUNTRY_UNKNOWN, file=self._file, rows=normaliser.unknown_country_rows,
                country=country, hint=_COUNTRY_HINT,
            )  # fmt: skip
