"""Tell the format of an input by how it begins."""

import json
from itertools import islice, zip_longest
from typing import Literal

from bangui_cli.importing import csv_records, json_documents

Format = Literal["jsonl", "json", "csv"]
HEAD_LIMIT_BYTES = 1024 * 1024
_MOST_LINES = 100

_decode = json.JSONDecoder().raw_decode


def guess(head: bytes, *, at_end: bool) -> Format | None:
    """Return the format of an input that begins with `head`; None while that is too little to tell.

    A first line that is broken is passed over, for the lines behind it.
    """
    text = head.decode("utf-8", "replace").lstrip()
    if text.startswith("["):
        return "json"
    whole = text.split("\n")[: None if at_end else -1]
    lines = list(islice((line for line in map(str.strip, whole) if line), _MOST_LINES))
    for line, following in zip_longest(lines, lines[1:], fillvalue=""):
        found = _guess_line(line, following)
        if found:
            return found
    return "jsonl" if at_end or len(lines) == _MOST_LINES else None


def _guess_line(line: str, following: str) -> Format | None:
    if line[0] == "[":
        return "json"
    if line[0] == "{":
        return _guess_object(line, following)
    return "csv" if csv_records.find_header(line) else None


def _guess_object(line: str, following: str) -> Format | None:
    """Tell an object a line from one that goes on behind its first line; None for a broken one."""
    if json_documents.is_keyed_batch(line):
        return "json"
    try:
        _, end = _decode(line)
    except json.JSONDecodeError as error:
        goes_on = error.pos >= len(line) and following and following[0] not in "{["
        return "json" if goes_on else None
    except (ValueError, RecursionError):
        return None
    return "json" if line[end:].lstrip().startswith((",", "{")) else "jsonl"
