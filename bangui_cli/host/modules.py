"""Let modules be found that are imported after another user's identity was taken.

Root's own installation may be where nobody else can go, such as below /root. A directory that is open
can be searched by way of its descriptor, if its own mode allows it.
"""

import os
import stat
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager


def closed_to(user_id: int, groups: Collection[int]) -> str | None:
    """Return a directory of the import path of which a user may not read all, as after umask 027."""
    files = {_file_of(module) for name, module in list(sys.modules.items()) if name != "__main__"}
    places = files | {os.path.dirname(file) for file in files}
    closed = [place for place in places if not _may_read(place, user_id, groups)]
    if not closed:
        return None
    around = (name for name in filter(None, sys.path) if f"{closed[0]}/".startswith(f"{name}/"))
    return next(around, closed[0])


@contextmanager
def held_open() -> Iterator[None]:
    """Keep open, beyond the block, what can no longer be reached at its end of the import path."""
    held = _open_all(sys.path)
    try:
        yield
    finally:
        _lead(_give_up_reachable(held))


def _file_of(module: object) -> str:
    return getattr(module, "__file__", None) or "/"  # what is built in is nowhere


def _may_read(place: str, user_id: int, groups: Collection[int]) -> bool:
    """Tell whether a user may read a file or directory, once he is there."""
    try:
        status = os.stat(place)
    except OSError:  # in an archive
        return True
    shift = 6 if status.st_uid == user_id else 3 if status.st_gid in groups else 0
    wanted = 0o5 if stat.S_ISDIR(status.st_mode) else 0o4
    return (status.st_mode >> shift) & wanted == wanted


def _open_all(directories: list[str]) -> dict[str, int]:
    held = {}
    for directory in filter(None, directories):
        try:
            held[directory] = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            pass  # an archive, or nothing
    return held


def _give_up_reachable(held: dict[str, int]) -> dict[str, str]:
    """Close what can be reached by name; return the ways to the others."""
    ways = {}
    for directory, descriptor in held.items():
        if os.access(directory, os.R_OK | os.X_OK):
            os.close(descriptor)
        else:
            ways[directory] = f"/proc/self/fd/{descriptor}"
    return ways


def _lead(ways: dict[str, str]) -> None:
    """Change the import path, and that of each package."""
    if not ways:
        return
    sys.path[:] = [ways.get(directory, directory) for directory in sys.path]
    packages = [module.__path__ for module in list(sys.modules.values()) if _is_package(module)]
    for path in packages:
        path[:] = [_moved(directory, ways) for directory in path]


def _is_package(module: object) -> bool:
    return isinstance(getattr(module, "__path__", None), list)


def _moved(place: str, ways: dict[str, str]) -> str:
    for directory, way in ways.items():
        if place.startswith(f"{directory}/"):
            return way + place.removeprefix(directory)
    return place
