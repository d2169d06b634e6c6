"""JSON Lines: a value a line, so that a broken line costs no other."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bangui_cli.importing import json_documents, lines
from bangui_cli.importing.records import Chunks, Record, Records, not_json, not_utf8, too_long

_decode = json.JSONDecoder().raw_decode


def read(chunks: Chunks) -> Records:
    """Yield a record for each line that is not blank."""
    for block in lines.read_blocks(chunks):
        if block is None:
            yield None
        elif isinstance(block, lines.Overlong):
            yield block.line, block.parts, too_long()
        else:
            yield from _read_block(block)


def _read_block(block: lines.Block) -> Iterator[Record]:
    keyed = json_documents.is_keyed_batch
    for line, text in enumerate(_texts(block.data), block.line):
        try:
            value, end = _decode(text)
        except (ValueError, RecursionError, TypeError):
            yield from _read_unusual(line, text)
        else:
            if type(value) is dict and (end == len(text) or text[end:].isspace()) and not keyed(text):
                yield line, text, value
            else:
                yield from _read_unusual(line, text)


def _texts(data: bytes) -> Sequence[Any]:
    """Split a block; a line in another encoding stays bytes."""
    try:
        return data.decode().split("\n")
    except UnicodeDecodeError:
        return [_text(line) for line in data.split(b"\n")]


def _text(line: bytes) -> str | bytes:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def _is_batch(value: object) -> bool:
    """Tell a list of answers from a line that is merely no object."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _read_unusual(line: int, text: str | bytes) -> Iterator[Record]:
    """Judge a line that is no plain object from its first character to its last."""
    if isinstance(text, bytes):
        yield line, text, not_utf8()
    elif text.strip():
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            yield line, text, not_json(error)
        else:
            if _is_batch(value) or json_documents.is_keyed_batch(text):
                yield from json_documents.read_text(text, line)
            else:
                yield line, text, value
