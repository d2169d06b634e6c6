"""Where this process puts large temporary files."""

import os

# In SQLite's own order, whose variables come first.
_VARIABLES = ("SQLITE_TMPDIR", "TMPDIR")
_DIRECTORIES = ("/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108


def directory() -> str | None:
    """Return the first directory that can be written, None where there is none."""
    named = filter(None, map(os.environ.get, _VARIABLES))
    return next(filter(_is_usable, (*named, *_DIRECTORIES)), None)


def _is_usable(path: str) -> bool:
    return os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)
