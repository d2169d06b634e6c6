"""Who else could change what is about to be obeyed or written: the rule of OpenSSH's StrictModes.

Cheap enough for a heartbeat: one lstat a name on the way, and no import.
"""

import errno
import os
import stat
from collections.abc import Iterator

from bangui_cli.host import procfs
from bangui_cli.states import errors
from bangui_cli.states.errors import Untrusted
from bangui_cli.states.records import Record

ROOT_ID = 0
# What shows as the owner where there is no ID for it, and the IDs that there are (user_namespaces(7)).
_OVERFLOW_ID, _KNOWN_IDS = "/proc/sys/fs/overflowuid", "/proc/self/uid_map"
# As many as the kernel follows.
_MOST_LINKS = 40


class Foreign(Record):
    """A place that somebody else could change; `mode` is the whole st_mode."""

    path: str
    owner_id: int
    mode: int
    why: str


def find_foreign_hands(
    path: str, owner_id: int = ROOT_ID, *, group_counts: bool = True
) -> Foreign | None:
    """Return the first place from / to `path` that others than root and the owner could change.

    That is the file, or whatever it is, and each directory in which somebody could rename what leads
    there, on the way of each symbolic link, too. Where nothing is there, the directories count: somebody
    could create it. It goes from the root down, so that what was found sound stays so. Raise OSError.
    """
    for place, status, below in _way(path):
        foreign = judge(place, status, owner_id, group_counts=group_counts, below=below)
        if foreign:
            return foreign
    return None


def judge(
    path: str,
    status: os.stat_result,
    owner_id: int = ROOT_ID,
    *,
    group_counts: bool = True,
    below: os.stat_result | None = None,
) -> Foreign | None:
    """Judge one place by what the system says of it; `below` is the next name on the way, if any.

    In a sticky directory, as /tmp is, others may create, but not rename what is not theirs: it will do
    higher up, where the next name is root's or the owner's, and not for the one that holds a file.
    In a rootless container what leads there may be the host's, whose users nobody inside can be.
    """
    trusted = (ROOT_ID, owner_id)
    others_write = stat.S_IWOTH | (stat.S_IWGRP if group_counts else 0)
    if status.st_uid not in trusted and not (_leads_on(below) and is_of_outside(status.st_uid)):
        return Foreign(path, status.st_uid, status.st_mode, "is another user's")
    if status.st_mode & others_write and not _keeps(status, below, trusted):
        return Foreign(path, status.st_uid, status.st_mode, "can be written by others")
    return None


def require_own_hands(
    path: str, owner_id: int = ROOT_ID, *, group_counts: bool = True, way_out: str = ""
) -> None:
    """Raise Untrusted where others could change a path; `way_out` says where else it could be."""
    state = doubt(path, owner_id, group_counts=group_counts, way_out=way_out)
    if state:
        raise state


def doubt(
    path: str, owner_id: int = ROOT_ID, *, group_counts: bool = True, way_out: str = ""
) -> Untrusted | None:
    """Return the state in which a path is not to be obeyed, None where it may be."""
    try:
        foreign = find_foreign_hands(path, owner_id, group_counts=group_counts)
    except OSError as error:
        raise errors.of_os_error(error, f"cannot look at the way to {path}") from None
    return distrust(path, foreign, owner_id, way_out) if foreign else None


def distrust(
    path: str,
    foreign: Foreign,
    owner_id: int = ROOT_ID,
    way_out: str = "",
    *,
    hint: str | None = None,
) -> Untrusted:
    """Return the state in which `path` is not to be obeyed because of a place on its way.

    A `hint` takes the place of the remedy; FILE stands for the place in both.
    """
    owner, mode = user_name(foreign.owner_id), f"{stat.S_IMODE(foreign.mode):04o}"
    what = f"{foreign.path} {foreign.why} (owner {owner}, mode {mode})"
    led_there = "" if foreign.path == path else f" on the way to {path}"
    return Untrusted(
        what + led_there,
        hint=hint or remedy(foreign, owner_id, way_out),
        path=foreign.path,
        owner=owner,
        mode=mode,
    )


def remedy(foreign: Foreign, owner_id: int = ROOT_ID, way_out: str = "") -> str:
    """Return what takes a place out of foreign hands; FILE stands for it.

    A directory of another user, or one for all as /tmp is, mostly is so for a reason: the way out first.
    """
    wanted = user_name(owner_id)
    commands = f"chown {wanted}: FILE; chmod go-w FILE"
    if not stat.S_ISDIR(foreign.mode):
        return f"{commands}; or {way_out}" if way_out else commands
    elsewhere = way_out or f"keep it in a directory that only {wanted} may write"
    is_for_all = foreign.mode & stat.S_ISVTX and foreign.owner_id in (ROOT_ID, owner_id)
    return elsewhere if is_for_all else f"{elsewhere}; or {commands}"


def is_of_outside(user_id: int) -> bool:
    """Tell whether an ID stands for all users whom this user namespace does not know."""
    if procfs.read(_OVERFLOW_ID).strip() != str(user_id):
        return False
    return is_outside(user_id, procfs.read(_KNOWN_IDS))


def is_outside(user_id: int, known: str) -> bool:
    """Tell whether no line of a uid_map, of first ID, the same outside, and count, has an ID in it."""
    lines = [list(map(int, line.split())) for line in known.splitlines()]
    return bool(lines) and not any(first <= user_id < first + count for first, _, count in lines)


def user_name(user_id: int) -> str:
    """Return the name of a user, the number where there is none."""
    import pwd

    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _keeps(status: os.stat_result, below: os.stat_result | None, trusted: tuple[int, ...]) -> bool:
    """Tell whether a sticky directory keeps others from what leads on."""
    is_kept = below is not None and status.st_mode & stat.S_ISVTX and below.st_uid in trusted
    return bool(is_kept) and _leads_on(below)


def _leads_on(below: os.stat_result | None) -> bool:
    """Tell whether a directory is one on the way, and not the one that holds what it leads to."""
    return below is not None and (stat.S_ISDIR(below.st_mode) or stat.S_ISLNK(below.st_mode))


def _way(path: str) -> Iterator[tuple[str, os.stat_result, os.stat_result | None]]:
    """Yield each place on the way to a path, with what the system says of it and of the next name.

    The caller has judged a directory before a link in it is read. Where the way ends early, for want of
    the next name, the last directory is the last place.
    """
    start = "" if path.startswith("/") else os.getcwd()
    names = f"{start}/{path}".split("/")[::-1]
    place, status, links = "/", os.lstat("/"), 0
    while names:
        name = names.pop()
        if name in ("", "."):
            continue
        if name == "..":
            place = os.path.dirname(place)
            status = os.lstat(place)
            continue
        step = os.path.join(place, name)
        below = _status(step)
        yield place, status, below
        if below is None:
            return
        if stat.S_ISLNK(below.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = os.readlink(step)
            names += target.split("/")[::-1]
            if target.startswith("/"):
                place, status = "/", os.lstat("/")
        else:
            place, status = step, below
    yield place, status, None


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
