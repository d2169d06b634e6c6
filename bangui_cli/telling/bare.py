"""Tell of an end with nothing to import: where no disk answers, or everything has run out."""

from typing import Any

from bangui_cli.host import clocks, terminal
from bangui_cli.rules.json_text import to_json
from bangui_cli.rules.timestamp_text import to_text
from bangui_cli.states.events import PRIORITY, Event

_MOST_CHARACTERS = 400


def render(log_format: str, event: Event, context: dict[str, Any], fields: dict[str, Any]) -> bytes:
    """Return one event as one line, its newline included; `auto` is JSON, "terminal" has two lines."""
    moment = to_text(clocks.wall_s())
    error, hint = (terminal.safe(fields.get(key, ""))[:_MOST_CHARACTERS] for key in ("error", "hint"))
    if log_format == "terminal":
        return f"bangui: {error}\nhint: {hint}\n".encode("utf-8", "backslashreplace")
    if log_format == "console":
        text = " - ".join((f"{moment} [{event.level}] {event.name}", error, hint))
        return f"{text}\n".encode("utf-8", "backslashreplace")
    prefix = f"<{PRIORITY[event.level]}>" if log_format == "journald" else ""
    cut = {key: _cut(value) for key, value in fields.items()}
    line = {"timestamp": moment, "level": event.level, "event": event.name, **context, **cut}
    return f"{prefix}{to_json(line)}\n".encode()


def _cut(value: object) -> object:
    return value[:_MOST_CHARACTERS] if isinstance(value, str) else value
