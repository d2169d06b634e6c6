"""How SQLite spells paths: in a URI, and of the files beside a database; how its bytes are read."""

_BESIDE = ("-journal", "-wal", "-shm")


def quote_path(path: str) -> str:
    """Escape what a URI would take for its own in a path."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def sidecars(path: str) -> list[str]:
    """Return the names that SQLite takes for parts of a database beside it."""
    return [path + suffix for suffix in _BESIDE]


def decode(value: bytes) -> str:
    """Read a text that another program wrote, whatever its bytes."""
    return value.decode("utf-8", "replace")
