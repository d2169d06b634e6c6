"""Results on stdout: JSON, and text that is safe for a terminal."""

import errno
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bangui_cli.host import clocks, terminal
from bangui_cli.rules.rereading import Rereadable
from bangui_cli.states.errors import FileTooLarge, IoFailed
from bangui_cli.telling import tables
from bangui_cli.telling.pieces import in_pieces, joined
from bangui_cli.telling.readable import label, readable


def json_text(value: Any) -> str:
    """Return one JSON value as one line, ASCII only."""
    try:
        return json.dumps(value, default=str, allow_nan=False)
    except ValueError:
        # JSON has no infinite number, as another program may have written one; it becomes null.
        finite = json.loads(json.dumps(value, default=str), parse_constant=lambda _: None)
        return json.dumps(finite)


def json_texts(values: Mapping[str, Any], name: str, rows: Iterable[Any]) -> Iterator[str]:
    """Yield the pieces of one JSON object whose last value is the list of many rows."""
    yield json_text({**values, name: []}).removesuffix("]}")
    yield from joined((json_text(some)[1:-1] for some in in_pieces(rows)), ", ")
    yield "]}"


def print_json(value: Any) -> None:
    """Print one JSON value on one line."""
    print_text(json_text(value))


def print_text(text: str) -> None:
    """Print a result with a newline, as `print_texts` does."""
    print_texts([text])


def print_texts(texts: Iterable[str]) -> None:
    """Print a result that comes in pieces, with a newline.

    A reader that has gone is no failure; a full disk is. Raise IoFailed where the result could not be
    delivered.
    """
    if sys.stdout is None:
        return
    # A locale that lacks a letter of a name must not cost the answer.
    encoding = sys.stdout.encoding
    print_pieces(text.encode(encoding, "backslashreplace") for text in with_newline(texts))


def with_newline(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts, the last one with a newline behind it."""
    last = ""
    for text in texts:
        if last:
            yield last
        last = text
    yield f"{last}\n"


def print_pieces(pieces: Iterable[bytes]) -> None:
    """Print bytes as they come, until nobody reads them any more. Raise IoFailed."""
    try:
        for piece in pieces:
            terminal.write_all(terminal.STDOUT, piece)
    except BrokenPipeError:
        pass
    except OSError as error:
        is_limited = error.errno == errno.EFBIG
        hint = FileTooLarge.default_hint if is_limited else "check where stdout is redirected to"
        raise IoFailed(f"cannot write to stdout: {error.strerror}", hint=hint) from None


def print_summary(text: str) -> None:
    """Print what became of the database; the exit code tells it, too, so that no room is no failure."""
    try:
        print_text(text)
    except IoFailed:
        pass


def section_text(title: str, values: dict[str, Any], columns: int | None = None) -> str:
    """Return a heading and a line for each value, within the columns of a terminal if there is one."""
    now_s = clocks.wall_s()
    shown = [readable(key, value, now_s) for key, value in values.items()]
    names = list(map(label, values))
    return "\n".join([title, *tables.pairs(names, shown, columns, indent="  ")])


def print_section(title: str, values: dict[str, Any]) -> None:
    """Print a heading and a line for each value."""
    print_text(section_text(title, values, terminal.stdout_columns()))


def print_table(rows: list[dict[str, Any]], most_columns: int | None = None) -> None:
    """Print rows of equal keys as columns, with a heading."""
    if rows:
        print_texts(table_texts(rows, terminal.stdout_columns()))


def table_texts(rows: Iterable[Mapping[str, Any]], columns: int | None) -> Iterator[str]:
    """Yield the pieces of rows of equal keys as columns, with a heading, within those of a terminal.

    The rows, one at least, are gone through more than once.
    """
    cells = Rereadable(lambda: ([readable("", value, 0.0) for value in row.values()] for row in rows))
    lines = tables.table(list(next(iter(rows))), cells, columns)
    return joined(("\n".join(some) for some in in_pieces(lines)), "\n")
