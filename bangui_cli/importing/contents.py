"""Say what an input is that holds no rows: a wrong file is told by its first bytes, not row by row."""

import re
from typing import NamedTuple

from bangui_cli.rules.validation import Rejected, normalise_ip

HEAD_BYTES = 1024
_SHOWN_CHARACTERS = 100

# What the bytes begin with, what that is, and how to make text of it.
_WRAPPINGS = (
    (b"\x1f\x8b", "gzip", "zcat FILE | bangui import"),
    (b"BZh", "bzip2", "bzcat FILE | bangui import"),
    (b"\xfd7zXZ\x00", "xz", "xzcat FILE | bangui import"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat FILE | bangui import"),
    (b"PK\x03\x04", "a ZIP archive", "unzip -p FILE | bangui import"),
    (b"SQLite format 3\x00", "an SQLite database", "export a table of it: sqlite3 -csv -header FILE"),
)
_TAR_AT = 257
# With or without a byte order mark: the first characters of a table and of JSON are ASCII.
_is_utf16 = re.compile(
    rb"\xff\xfe.\x00|\xfe\xff\x00.|[^\x00]\x00[^\x00]\x00|\x00[^\x00]\x00[^\x00]", re.DOTALL
).match
_LFS = b"version https://git-lfs.github.com/spec/"
_title = re.compile(rb"<title>([^<]{0,200})", re.IGNORECASE).search


_HEADER_HINT = (
    "name its columns: (echo ip,country_code,...; cat FILE) | bangui import; see bangui import --help"
)
_between_fields = re.compile(rb"[,;\t|]").split


class Refusal(NamedTuple):
    """Why nothing is imported of an input, and what to do; FILE stands for its path."""

    reason: str
    hint: str


def refuse(head: bytes) -> Refusal | None:
    """Tell by its first bytes what is no text at all, or not the one that was meant."""
    for start, what, hint in _WRAPPINGS:
        if head.startswith(start):
            return Refusal(what, hint)
    if head[_TAR_AT:].startswith(b"ustar"):
        return Refusal("a tar archive", "tar -xOf FILE NAME | bangui import")
    if _is_utf16(head):
        return Refusal("UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | bangui import")
    if head.startswith(_LFS):
        return Refusal("a Git LFS pointer, not the file itself", "fetch the file: git lfs pull")
    if head.lstrip().startswith(b"<"):
        return Refusal(
            _markup(head), "look at it: a server may have answered with an error; fetch it again"
        )
    return None


def _without_names(line: bytes) -> Refusal | None:
    """Tell of a line with an address and nothing that says what else it holds."""
    fields = _between_fields(line)
    if not any(map(_is_address, fields)):
        return None
    if len(fields) == 1:
        return Refusal("a list of addresses, and nothing about them", "cat FILE | bangui resolve -")
    return Refusal(f"a table of {len(fields):,} columns without a header", _HEADER_HINT)


def _is_address(field: bytes) -> bool:
    try:
        return bool(normalise_ip(field.decode("utf-8", "replace").strip("\ufeff \"'")))
    except Rejected:
        return False


def describe(head: bytes, rows: int) -> Refusal:
    """Tell of a text how it begins, when none of its rows could be used."""
    line = next(filter(None, map(bytes.strip, head.split(b"\n"))), b"")
    found = f"no row could be used, of {rows:,} read; "
    nameless = _without_names(line)
    if nameless:
        return Refusal(f"{found}it is {nameless.reason}", nameless.hint)
    hint = (
        "it takes JSON objects with ip or query, or CSV with a header: ip,country_code,...; "
        "with --history what bangui export history wrote"
    )
    return Refusal(f"{found}it begins with {_shown(line)}", hint)


def _markup(head: bytes) -> str:
    title = _title(head)
    return f"HTML or XML, titled {_shown(title[1])}" if title else "HTML or XML"


def _shown(data: bytes) -> str:
    text = data[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace").strip()
    cut = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
    return f"'{cut}'"
