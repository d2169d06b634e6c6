"""The log of one run. An event below the level costs nothing; structlog comes with the first."""

from collections.abc import Sequence

from bangui_cli.host import terminal
from bangui_cli.states.errors import Failure
from bangui_cli.states.events import LEVELS, Event


class Log:
    """Events of one run on stderr; a line that cannot be written is dropped, never raised."""

    def __init__(
        self,
        level: str,
        log_format: str,
        correlation_id: str,
        mask_ips: bool = True,
        typed: Sequence[str] = (),
    ) -> None:
        """`typed` is the command line: what it names is not masked on the terminal of its writer."""
        self._rank = LEVELS.index(level)
        self._format = log_format
        self._correlation_id = correlation_id
        self._mask_ips = mask_ips
        self._typed = typed
        self.job: str | None = None
        # How long a line may wait for a reader that has stalled; a job, with its deadline, waits less.
        self.stall_s = 30.0

    def emit(self, event: Event, /, **fields: object) -> None:
        """Log an event if its level passes. Never call it inside a transaction."""
        if LEVELS.index(event.level) >= self._rank:
            self._write(event.name, event.level, fields)

    def emit_failure(self, event: Event, failure: Failure, /, **fields: object) -> None:
        """Log the event that explains a failure, whatever the level."""
        head = {"error": failure.error, "exit_code": failure.exit_code, "hint": failure.hint}
        self._write(event.name, event.level, {**head, **fields, **failure.fields})

    def prepare(self) -> None:
        """Import what an event needs, ahead of a deadline that is about to be missed."""
        import bangui_cli.telling.log_lines  # noqa: F401

    @property
    def is_console(self) -> bool:
        """Tell whether the log is laid out for a person."""
        self._settle_format()
        return self._format == "console"

    def _write(self, name: str, level: str, fields: dict[str, object]) -> None:
        from bangui_cli.telling import log_lines

        self._settle_format()
        context = {"job": self.job, "correlation_id": self._correlation_id}
        typed = self._typed if terminal.stderr_is_terminal() else ()
        line = log_lines.render(
            self._format, level, name, context, fields, mask_ips=self._mask_ips, typed=typed
        )
        if not terminal.write_line(terminal.STDERR, line, self.stall_s):
            self.stall_s = 0.0

    def _settle_format(self) -> None:
        if self._format == "auto":
            self._format = _detect_format()


def _detect_format() -> str:
    if terminal.stderr_is_terminal():
        return "console"
    return "journald" if terminal.stderr_is_journal() else "json"
