"""The log of one run. An event below the level costs nothing; structlog comes with the first."""

from typing import TYPE_CHECKING, Any

from bangui_cli.host import terminal
from bangui_cli.states import exit_codes
from bangui_cli.states.errors import Failure
from bangui_cli.states.events import LEVELS, PRIORITY, Event
from bangui_cli.states.records import Record
from bangui_cli.telling import bare

if TYPE_CHECKING:
    from bangui_cli.telling.journal import Journal


_DEBUG = LEVELS.index("debug")
# Outcome and exit code, on the last event of a run.
End = tuple[()] | tuple[str, int]


class LogSettings(Record):
    """How a run logs: the settings of the same names."""

    log_level: str
    log_format: str
    log_target: str
    mask_ips: bool
    instance: str | None


class Log:
    """Events of one run, on stderr or in the journal; what finds no room is dropped, never raised."""

    def __init__(self, settings: LogSettings, correlation_id: str) -> None:
        self._rank = LEVELS.index(settings.log_level)
        self._format = settings.log_format
        self._settings = settings
        self._correlation_id = correlation_id
        self._journal: Journal | None = None
        self._is_prepared = False
        self.job: str | None = None
        # What a person has typed to start this run, and may see again on the terminal.
        self.typed = ""
        # The address of a database server, which is no visitor's.
        self.server = ""
        # How long a line may wait for a reader that has stalled; a job, with its deadline, waits less.
        self.stall_s = 30.0

    def emit(self, event: Event, /, **fields: object) -> None:
        """Log an event if its level passes. Never call it inside a transaction."""
        if LEVELS.index(event.level) >= self._rank:
            self._write(event, fields)

    def emit_end(self, event: Event, outcome: str, /, **fields: object) -> None:
        """Log the last event of a run that ends well, if its level passes."""
        if LEVELS.index(event.level) >= self._rank:
            self._write(event, fields, (outcome, exit_codes.DONE))

    def emit_failure(
        self, event: Event, failure: Failure, /, outcome: str = "error", **fields: object
    ) -> None:
        """Log the event that explains a failure, whatever the level, and on stderr in any case."""
        end = (outcome, failure.exit_code)
        self._write(event, _explained(failure, fields), end, on_stderr=True)

    def last_words(
        self, event: Event, failure: Failure, /, outcome: str = "error", **fields: object
    ) -> None:
        """Log like emit_failure for a run that hangs: no disk is asked for what is not prepared."""
        terminal.restore_screen()
        if self._is_prepared:
            self.emit_failure(event, failure, outcome, **fields)
            return
        self._settle_format()
        line = bare.render(self._format, event, self._context, _explained(failure, fields))
        terminal.write_line(terminal.STDERR, line, self.stall_s)

    def prepare(self) -> None:
        """Import what an event needs, ahead of a deadline that is about to be missed."""
        import bangui_cli.telling.log_lines

        if self._settings.log_target == "journal":
            import bangui_cli.telling.journal  # noqa: F401
        self._is_prepared = True

    @property
    def is_readable(self) -> bool:
        """Tell whether the log is laid out for a person."""
        self._settle_format()
        return self._format in ("console", "terminal")

    def _write(
        self, event: Event, fields: dict[str, object], end: End = (), *, on_stderr: bool = False
    ) -> None:
        is_in_journal = self._settings.log_target == "journal" and self._send(event, fields, end)
        # Where stderr leads to the journal, too, it has the event already.
        if not is_in_journal or (on_stderr and not terminal.stderr_is_journal()):
            self._settle_format()
            typed = self.typed if terminal.stderr_is_terminal() else ""
            line = self._render(self._format, event, fields, typed)
            if line and not terminal.write_line(terminal.STDERR, line, self.stall_s):
                self.stall_s = 0.0

    def _send(self, event: Event, fields: dict[str, object], end: End) -> bool:
        """Send an event to journald; tell whether it has taken it."""
        from bangui_cli.telling import journal

        self._journal = self._journal or journal.Journal()
        message = self._render("json", event, fields).decode().rstrip("\n")
        run = (self.job, self._settings.instance, self._correlation_id)
        return self._journal.send(journal.Entry(message, PRIORITY[event.level], event.name, *run, *end))

    def _render(self, log_format: str, event: Event, fields: dict[str, Any], typed: str = "") -> bytes:
        from bangui_cli.telling import log_lines

        mask_ips = self._settings.mask_ips
        return log_lines.render(
            log_format,
            event.level,
            event.name,
            self._context,
            fields,
            mask_ips=mask_ips,
            typed=f"{typed} {self.server}",
        )

    @property
    def _context(self) -> dict[str, str | None]:
        return {"job": self.job, "correlation_id": self._correlation_id}

    def _settle_format(self) -> None:
        if self._format == "auto":
            self._format = _detect_format()
        # Who is there has just typed the command, and asks with -v for what a log holds beside words.
        if self._format == "console" and self._rank > _DEBUG and terminal.stderr_is_terminal():
            self._format = "terminal"


def _explained(failure: Failure, fields: dict[str, object]) -> dict[str, object]:
    head = {"error": failure.error, "exit_code": failure.exit_code, "hint": failure.hint}
    return {**head, **fields, **failure.fields}


def _detect_format() -> str:
    if terminal.stderr_is_terminal():
        return "console"
    return "journald" if terminal.stderr_is_journal() else "json"
