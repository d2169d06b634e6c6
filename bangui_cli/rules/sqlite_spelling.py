"""How a path is spelled in a URI for SQLite, and how its bytes are read as text."""


def quote_path(path: str) -> str:
    """Escape what a URI would take for its own in a path."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def decode(value: bytes) -> str:
    """Read a text that another program wrote, whatever its bytes."""
    return value.decode("utf-8", "replace")
