"""Whether this process may open another file."""

import errno
import os


def shortage() -> OSError | None:
    """Return the lack of descriptors, if any: imports and SQLite fail of it by other names."""
    try:
        os.close(os.open("/", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error if error.errno in (errno.EMFILE, errno.ENFILE) else None
    return None
