"""Open what a path leads to only once it is known what that is: to open a device can be to use it.

A watchdog's countdown begins, a tape rewinds, who waits at the other end of a pipe is woken.
"""

import errno
import os
import stat
from collections.abc import Callable

from bangui_cli.host import trust

_DESCRIPTORS = "/proc/self/fd"
# O_NONBLOCK: the open of a named pipe would wait for the other end.
_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK


def open_seen(path: str, require: Callable[[os.stat_result], None], flags: int = os.O_RDONLY) -> int:
    """Open the file that `require` was shown, whatever takes its name meanwhile; return its descriptor.

    Raise OSError, and what `require` raises.
    """
    seen = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        status = os.fstat(seen)
        require(status)
        try:
            return os.open(f"{_DESCRIPTORS}/{seen}", flags | _FLAGS)
        except (FileNotFoundError, NotADirectoryError):  # /proc is not mounted, or not this one's
            return _open_again(path, status, flags)
    finally:
        os.close(seen)


def _open_again(path: str, seen: os.stat_result, flags: int) -> int:
    """Open a path a second time: what has come in between is not used, if too late not to open it."""
    descriptor = os.open(path, flags | _FLAGS)
    if os.path.samestat(os.fstat(descriptor), seen):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ESTALE, "another file has just taken its place", path)


def require_own_device(path: str, status: os.stat_result) -> None:
    """Raise Untrusted where others than its owner could have led root to a device."""
    if os.geteuid() != trust.ROOT_ID or not _is_device(status.st_mode):
        return
    foreign = trust.find_foreign_hands(path, status.st_uid)
    # The device itself may be open to all, as /dev/null is.
    if foreign and not _is_device(foreign.mode):
        raise trust.distrust(path, foreign, way_out="give the path of the device itself")


def _is_device(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
