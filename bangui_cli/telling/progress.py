"""A progress bar on stderr, for work that takes a person's time; rich comes with the first bar."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from bangui_cli.host import clocks, terminal

if TYPE_CHECKING:
    import rich.progress

_PATIENCE_S = 0.5
_REFRESH_S = 0.1


class ProgressBar:
    """Shows how far long work has come; shows nothing for short work, or where nobody watches.

    `total` is asked once, when the bar appears; None makes it a count without an end.
    """

    def __init__(self, description: str, total: Callable[[], int | None], unit: str = "rows") -> None:
        self._description = description
        self._total = total
        self._unit = unit
        self._is_watched = terminal.stderr_is_screen()
        self._next_s = clocks.monotonic_s() + _PATIENCE_S
        self._bar: rich.progress.Progress | None = None

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()

    def hide(self) -> None:
        """Clear the line for something else; the next update shows the bar again."""
        if self._bar:
            self._draw(self._bar.stop)
            self._bar = None

    def update(self, done: int) -> None:
        """Show that `done` is done, in the unit of the total."""
        if not self._is_watched or clocks.monotonic_s() < self._next_s:
            return
        self._next_s = clocks.monotonic_s() + _REFRESH_S
        bar = self._bar = self._bar or self._make()
        self._draw(bar.start)
        self._draw(lambda: bar.update(bar.task_ids[0], completed=done, refresh=True))

    def _draw(self, draw: Callable[[], None]) -> None:
        # A terminal that was closed must not end the work, nor one that was stopped hold it up.
        try:
            if terminal.is_ready(terminal.STDERR):
                draw()
        except OSError:
            self._is_watched = False

    def _make(self) -> "rich.progress.Progress":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        amount = f"{{task.completed:,.0f}} {self._unit}"
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn(amount),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
        )
        bar.add_task(self._description, total=self._total())
        return bar
