"""Read what the kernel tells in /proc."""

import os


def read(path: str) -> str:
    """Return the content of a small file, nothing where there is none, or none for this user."""
    # os.open is several times cheaper than open(), and each job pays for it five times.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 4096).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
