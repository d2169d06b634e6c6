"""Tell what a file is that should have been an MMDB file, by its first bytes."""

import codecs
from typing import NamedTuple

HEAD_BYTES = 512
_TAR_MAGIC_AT = 257
_QUOTED_CHARACTERS = 60
_BLANKS = b"\xef\xbb\xbf \r\n\t"


class Wrapping(NamedTuple):
    """What a file is instead, and how to come by the MMDB file where it need not be fetched again."""

    what: str
    hint: str | None = None


_GIT_LFS = "run git lfs pull where it was checked out, or download the file itself"
_FETCH = "fetch it again, and look at what the server answers: a wrong key, a limit, a moved address"
_MAGIC = (
    (b"\x1f\x8b", Wrapping("is compressed (gzip)", "unpack it: gunzip FILE, or tar xzf FILE")),
    (b"BZh", Wrapping("is compressed (bzip2)", "unpack it: bunzip2 FILE")),
    (b"\xfd7zXZ\0", Wrapping("is compressed (xz)", "unpack it: unxz FILE")),
    (b"\x28\xb5\x2f\xfd", Wrapping("is compressed (zstd)", "unpack it: unzstd FILE")),
    (b"PK\x03\x04", Wrapping("is a ZIP archive", "unpack it: unzip FILE")),
    (b"SQLite format 3\0", Wrapping("is an SQLite database", "give the MMDB file")),
    (b"version https://git-lfs.", Wrapping("is a pointer of Git LFS", _GIT_LFS)),
)  # fmt: skip


def recognise(head: bytes) -> Wrapping | None:
    """Given the first HEAD_BYTES of a file that is no MMDB file, say what it is, if that can be told."""
    if not head:
        return Wrapping("is empty")
    for magic, wrapping in _MAGIC:
        if head.startswith(magic):
            return wrapping
    if head[_TAR_MAGIC_AT:].startswith(b"ustar"):
        return Wrapping("is a tar archive", "unpack it: tar xf FILE")
    if head.lstrip(_BLANKS).lower().startswith((b"<!doctype html", b"<html")):
        return Wrapping("is a web page", _FETCH)
    return _recognise_text(head)


def _recognise_text(head: bytes) -> Wrapping | None:
    try:
        # The last character may have been cut in two.
        text, _ = codecs.utf_8_decode(head, "strict", len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return None
    words = text.split()
    if not "".join(words).isprintable():
        return None
    return Wrapping(f"is text: {' '.join(words)[:_QUOTED_CHARACTERS]!r}", _FETCH)
