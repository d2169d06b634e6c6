"""Render one event as one line, with structlog: JSON, JSON for journald, or readable.

For the person at the terminal it becomes a sentence, and a hint on a line of its own.
"""

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from bangui_cli.host import clocks, terminal
from bangui_cli.rules import masking, timestamps
from bangui_cli.states.events import PRIORITY
from bangui_cli.telling import sentences

LINE_LIMIT_BYTES = 4096
_CLIP_CHARACTERS = (1500, 400, 120, 40, 12)
_MOST_ITEMS = 20
_padding = re.compile(" {10,}")
_STYLES = (structlog.dev.DIM, structlog.dev.BRIGHT, structlog.dev.RESET_ALL)
_FAILURE_KEYS = ("error", "exit_code", "hint")


def render(
    log_format: str,
    level: str,
    event: str,
    context: dict[str, Any],
    fields: dict[str, Any],
    *,
    mask_ips: bool,
    typed: str = "",
) -> bytes:
    """Return the line, its newline included, under 4 KiB; long texts are cut until it is.

    `log_format` is one of the settings, or "terminal", of which nothing may come. The addresses in
    `typed` are not masked: who reads the line has written them.
    """
    head = {"timestamp": timestamps.to_text(clocks.wall_s()), "level": level, "event": event, **context}
    layout = _LAYOUTS[log_format]
    prefix = f"<{PRIORITY[level]}>" if log_format == "journald" else ""
    mask = _mask_but(typed) if mask_ips else str
    for limit in _CLIP_CHARACTERS:
        line = _line(prefix + layout(head | _presentable(fields, mask, limit)))
        if len(line) < LINE_LIMIT_BYTES:
            return line
    bare = {key: fields[key] for key in _FAILURE_KEYS if key in fields}
    return _line(prefix + layout(head | _presentable(bare, mask, _CLIP_CHARACTERS[-1])))


def _mask_but(typed: str) -> Callable[[str], str]:
    return partial(masking.mask_addresses, spared=masking.addresses_in(typed))


def _line(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace") + b"\n" if text else b""


def _presentable(value: Any, mask: Callable[[str], str], limit: int) -> Any:
    """Make a value fit to print: addresses masked, texts cut, all nested alike."""
    if isinstance(value, dict):
        items = list(value.items())[:_MOST_ITEMS]
        return {key: _presentable(item, mask, limit) for key, item in items}
    if isinstance(value, list | tuple):
        return [_presentable(item, mask, limit) for item in value[:_MOST_ITEMS]]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):  # JSON has no other
        return value
    if isinstance(value, bytes):
        value = value[: 4 * limit].decode("ascii", "backslashreplace")
    # A cut before the mask could leave half an address; a 10 MB text is no address at all.
    text = mask(str(value)[: 4 * limit])
    return text if len(text) <= limit else text[:limit] + "..."


# ASCII only: no byte of a foreign name can be a terminal control, and jq decodes it.
_to_json = structlog.processors.JSONRenderer()


def _json(event: dict[str, Any]) -> str:
    return str(_to_json(None, "", event))


def _console(event: dict[str, Any]) -> str:
    """Lay out for a person: what happened and what to do, then the details."""
    colours = terminal.stderr_wants_colour()
    render_columns = structlog.dev.ConsoleRenderer(
        columns=_columns(event["level"], colours), sort_keys=False
    )
    return render_columns(None, "", {key: value for key, value in event.items() if value is not None})


def _terminal(event: dict[str, Any]) -> str:
    """Say it to the person who is there: what happened, and what to do below it."""
    if "traceback" in event:
        return _console(event)
    sentence, hint = _unpadded(sentences.of(event)), _unpadded(terminal.safe(event.get("hint") or ""))
    if not sentence:
        return ""
    _, bright, loud, reset = _styles(event["level"], terminal.stderr_wants_colour())
    mark = "warning: " if event["level"] == "warning" and "exit_code" not in event else ""
    lines = [f"bangui: {loud}{mark}{sentence}{reset}"]
    if hint:
        lines.append(f"{bright}hint:{reset} {hint}")
    return "\n".join(lines)


def _unpadded(text: str) -> str:
    """Keep a name from feigning a line of its own, by blanks that fill a line of the terminal."""
    return _padding.sub(" ", text)


_LAYOUTS = {"json": _json, "journald": _json, "console": _console, "terminal": _terminal}


def _styles(level: str, colours: bool) -> tuple[str, str, str, str]:
    """Return what makes text dim, bright, as loud as a level, and plain again."""
    dim, bright, reset = _STYLES if colours else ("", "", "")
    loud = structlog.dev.ConsoleRenderer.get_default_level_styles(colours)[level] + bright
    return dim, bright, loud, reset


def _columns(level: str, colours: bool) -> list[structlog.dev.Column]:
    dim, bright, loud, reset = _styles(level, colours)
    details = structlog.dev.KeyValueColumnFormatter(dim, "", reset, _quoted)
    return [
        _column("timestamp", dim, reset),
        _column("level", loud, reset, width=len("critical")),
        _column("event", bright, reset),
        _column("error", loud, reset, prefix="- "),
        _column("hint", bright, reset, prefix="- hint: ", postfix=" -"),
        structlog.dev.Column("", details),
    ]


def _column(key: str, style: str, reset: str, **layout: Any) -> structlog.dev.Column:
    formatter = structlog.dev.KeyValueColumnFormatter(None, style, reset, terminal.safe, **layout)
    return structlog.dev.Column(key, formatter)


def _quoted(value: object) -> str:
    text = terminal.safe(value)
    return repr(text) if not text or set(text) & set(" ='\"") else text
