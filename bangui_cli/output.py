"""Results on stdout: JSON, and text that is safe for a terminal."""

import errno
import json
import os
import sys
from typing import Any

from bangui_cli.errors import IoFailed


def json_text(value: Any) -> str:
    """Return one JSON value as one line, ASCII only."""
    return json.dumps(value, default=str)


def print_json(value: Any) -> None:
    """Print one JSON value on one line."""
    print_text(json_text(value))


def print_text(text: str) -> None:
    """Print a result with a newline. A reader that has gone is no failure; a full disk is.

    Raise IoFailed where the result could not be delivered.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        _discard_stdout()
    except OSError as error:
        _discard_stdout()
        if error.errno != errno.EPIPE:
            raise IoFailed(
                f"cannot write to stdout: {error.strerror}", hint="look where stdout is redirected to"
            ) from None


def safe(text: object) -> str:
    """Return text from outside with everything escaped that a terminal would obey."""
    value = str(text)
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def _discard_stdout() -> None:
    # What is still buffered would be tried again, and fail again, at exit.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def section_text(title: str, values: dict[str, Any]) -> str:
    """Return a heading and one line a value."""
    width = max(map(len, values), default=0)
    lines = [f"  {key:<{width}}  {_cell(value)}" for key, value in values.items()]
    return "\n".join([title, *lines])


def print_section(title: str, values: dict[str, Any]) -> None:
    """Print a heading and one line a value."""
    print_text(section_text(title, values))


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print rows of equal keys as columns, with a heading."""
    if not rows:
        return
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)
    print_text("\n".join(lines))


def _cell(value: Any) -> str:
    if value is None or value in ("", ()):
        return "-"
    if isinstance(value, list | tuple):
        return safe(":".join(map(str, value)))
    return safe(value)
