"""JSON Lines: one value on each line, so that a broken line costs no other."""

import json
import re
from collections.abc import Iterator
from typing import Any

from bangui_cli.importing import batches, lines
from bangui_cli.importing.records import (
    MOST_VALUES,
    MOST_VALUES_OF_BATCH,
    Alike,
    Chunks,
    Record,
    Records,
    not_json,
    not_utf8,
    too_long,
    too_many,
)

# Below this a line cannot have too many values.
_LONG_BYTES = 2 * MOST_VALUES
# So many lines are parsed together where all are as long as rows are: more would only take memory.
_TOGETHER_LINES = 32
_ORDINARY_BYTES = 4000

_begins_batch = re.compile(rb'\s*(?:\[|\{\s*"[0-9A-Fa-f]*[.:])').match


def read(chunks: Chunks) -> Records:
    """Yield a record for each line that is not blank, and for each answer of a batch on one line."""
    for block in lines.read_blocks(chunks):
        if block is None:
            yield None
        elif isinstance(block, lines.Overlong):
            yield block.line, block.parts, too_long()
        else:
            every = block.data.split(b"\n")
            for at in range(0, len(every), _TOGETHER_LINES):
                yield from _read_together(block.line + at, every[at : at + _TOGETHER_LINES])


def _read_together(number: int, some: list[bytes]) -> Iterator[Record | Alike]:
    values = _parse(some)
    if values is None:
        for place, line in enumerate(some, number):
            yield from _read_line(place, line)
    elif _are_alike(values):
        yield Alike(number, some, values)
    else:
        for place, (line, value) in enumerate(zip(some, values, strict=True), number):
            yield from _read_value(place, line, value)


def _parse(some: list[bytes]) -> list[Any] | None:
    """Parse ordinary lines; None where one of them is none."""
    import orjson  # 30 % of an import's time is saved, the reading of JSON being most of it

    try:
        return None if max(map(len, some)) > _ORDINARY_BYTES else list(map(orjson.loads, some))
    except orjson.JSONDecodeError:
        return None


def _are_alike(values: list[Any]) -> bool:
    """Tell whether they are objects of the same keys, and none is a batch."""
    if set(map(type, values)) != {dict}:
        return False
    layouts = list(map(tuple, values))
    return layouts.count(layouts[0]) == len(layouts) and not batches.is_address_like(
        next(iter(values[0]), "")
    )


def _read_line(number: int, line: bytes) -> Iterator[Record]:
    import orjson

    if len(line) > _LONG_BYTES:
        most = MOST_VALUES_OF_BATCH if _begins_batch(line) else MOST_VALUES
        if line.count(b",") >= most:
            yield number, line, too_many(most)
            return
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        yield from _read_unusual(number, line)
    else:
        yield from _read_value(number, line, value)


def _read_unusual(number: int, line: bytes) -> Iterator[Record]:
    """Judge a line that the strict parser refuses by a tolerant one: NaN, half a surrogate, a comma."""
    text = line.strip()
    if not text:
        return
    try:
        value = json.loads(text.removesuffix(b",").decode())
    except UnicodeDecodeError:
        yield number, line, not_utf8()
    except (ValueError, RecursionError) as error:
        yield number, line, not_json(error)
    else:
        yield from _read_value(number, line, value)


def _read_value(number: int, line: bytes, value: object) -> Iterator[Record]:
    if batches.is_batch(value):
        for answer in batches.answers(value):
            yield number, None, answer
    else:
        yield number, line, value
