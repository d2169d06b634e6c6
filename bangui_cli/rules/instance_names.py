"""Tell the host name that a container runtime made up from one that somebody gave."""

_RANDOM_CHARACTERS = 12
_HEX_DIGITS = set("0123456789abcdef")


def is_random(name: str) -> bool:
    """Tell whether a name is like those that docker and podman give: the next container has another."""
    return len(name) == _RANDOM_CHARACTERS and set(name) <= _HEX_DIGITS
