"""Tell the format of an input by how it begins."""

import json
from typing import Literal

from bangui_cli.importing import csv_records

Format = Literal["jsonl", "json", "csv"]
HEAD_LIMIT_BYTES = 1024 * 1024

_decode = json.JSONDecoder().raw_decode


def guess(head: bytes, *, at_end: bool) -> Format | None:
    """Return the format of an input that begins with `head`; None while that is too little to tell.

    A first line that is broken is passed over, for the lines behind it.
    """
    text = head.decode("utf-8", "replace").lstrip()
    while text:
        first, newline, rest = text.partition("\n")
        if first[0] == "[":
            return "json"
        if not newline and not at_end:
            return None
        if first[0] == "{" and (found := _guess_object(first, rest.lstrip())):
            return found
        if csv_records.find_header(first):
            return "csv"
        text = rest.lstrip()
    return "jsonl" if at_end else None


def _guess_object(first: str, rest: str) -> Format | None:
    """Tell an object a line from one that goes on behind its first line; None for a broken one."""
    try:
        _, end = _decode(first)
    except json.JSONDecodeError as error:
        goes_on = error.pos >= len(first.rstrip()) and rest and rest[0] not in "{["
        return "json" if goes_on else None
    except (ValueError, RecursionError):
        return None
    return "json" if first[end:].lstrip().startswith((",", "{")) else "jsonl"
