"""Tell whether this process runs in a container."""

import os

_MARKS = ("/.dockerenv", "/run/.containerenv")
_ENVIRONMENT = "/proc/1/environ"
# systemd's convention, which LXC and podman follow.
_VARIABLE = b"container="


def is_inside() -> bool:
    """Tell whether docker, podman, or what started the first process here has left its mark."""
    return any(map(os.path.exists, _MARKS)) or _is_told_to_first_process()


def _is_told_to_first_process() -> bool:
    try:
        with open(_ENVIRONMENT, "rb") as environment:
            return any(item.startswith(_VARIABLE) for item in environment.read().split(b"\0"))
    except OSError:
        return False  # of another user: only root may look
