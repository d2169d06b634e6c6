"""Render one event as one line, with structlog: JSON, JSON for journald, or for a person."""

import os
from collections.abc import Callable
from typing import Any

import structlog

from bangui_cli import clocks, masking, terminal, timestamps

LINE_LIMIT_BYTES = 4096
# sd-daemon(3): journald strips the prefix into PRIORITY.
_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_CLIP_CHARACTERS = (1500, 400, 120, 40, 12)


def render(
    log_format: str,
    level: str,
    event: str,
    context: dict[str, Any],
    fields: dict[str, Any],
    *,
    mask_ips: bool,
) -> bytes:
    """Return the line, its newline included, under 4 KiB; long texts are cut until it is."""
    head = {"timestamp": timestamps.to_text(clocks.wall_s()), "level": level, "event": event}
    layout = _console if log_format == "console" else _json
    prefix = f"<{_PRIORITY[level]}>" if log_format == "journald" else ""
    line = ""
    for limit in _CLIP_CHARACTERS:
        shown = {key: _presentable(value, mask_ips, limit) for key, value in fields.items()}
        line = prefix + layout({**head, **context, **shown}) + "\n"
        if len(line.encode("utf-8", "replace")) < LINE_LIMIT_BYTES:
            break
    return line.encode("utf-8", "replace")[:LINE_LIMIT_BYTES]


def _presentable(value: Any, mask_ips: bool, limit: int) -> Any:
    """Make a value safe to print: addresses masked, text cut, bytes as text, all nested alike."""
    if isinstance(value, bytes):
        value = value.decode("ascii", "backslashreplace")
    if isinstance(value, str):
        # A cut before the mask could leave half an address; a 10 MB text is no address at all.
        text = value[: 4 * limit]
        return _clip(masking.mask_addresses(text) if mask_ips else text, limit)
    if isinstance(value, dict):
        return {str(key): _presentable(item, mask_ips, limit) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_presentable(item, mask_ips, limit) for item in value[:20]]
    return value


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "..."


_to_json = structlog.processors.JSONRenderer(default=str)


def _json(event: dict[str, Any]) -> str:
    # ASCII only: no byte of a foreign name can be a terminal control, and jq decodes it.
    rendered = _to_json(None, "", event)
    return rendered if isinstance(rendered, str) else rendered.decode()


def _console(event: dict[str, Any]) -> str:
    """Lay out for a person: what happened first, then the details, then what to do."""
    return _to_console()(
        None, "", {key: _plain(value) for key, value in event.items() if value is not None}
    )


def _plain(value: Any) -> Any:
    """Escape what a terminal would obey."""
    if isinstance(value, str) and not value.isprintable():
        return value.encode("unicode_escape").decode("ascii")
    return value


def _to_console() -> Callable[..., str]:
    colours = terminal.stderr_is_terminal() and terminal.wants_colour(os.environ)
    return structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, sort_keys=False)
