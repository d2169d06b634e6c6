"""Whether there is room to make a database file anew."""

import os
from collections import Counter

from bangui_cli.host import temporary
from bangui_cli.states.errors import DiskFull, OutOfResources


def require_room(path: str, live_bytes: int) -> None:
    """Raise DiskFull, or OutOfResources where there is no directory for temporary files.

    What is left of the file is copied to a temporary one, and all of it to the journal beside it.
    """
    directory = temporary.directory()
    if directory is None:
        raise OutOfResources("there is no directory for temporary files", hint="make a /tmp")
    beside = os.path.dirname(os.path.abspath(path))
    needs_bytes: Counter[int] = Counter()
    places: dict[int, str] = {}
    for place, size_bytes in ((beside, os.stat(path).st_size), (directory, live_bytes)):
        device = os.stat(place).st_dev
        needs_bytes[device] += size_bytes
        places.setdefault(device, place)
    for device, place in places.items():
        _require_free(place, needs_bytes[device])


def _require_free(place: str, wanted_bytes: int) -> None:
    status = os.statvfs(place)
    free_bytes = status.f_bavail * status.f_frsize
    if free_bytes < wanted_bytes:
        raise DiskFull(
            f"pruned, but not compacted: that takes {wanted_bytes:,} bytes in {place}: "
            f"{free_bytes:,} are free",
            hint="free some space there (df -h); what was pruned stays so, and its room is used again",
            path=place,
        )
