"""Find what keeps this user from writing a file, or from making one: mostly its directory."""

import errno
import os
import stat

_IMMUTABLE, _READ_ONLY, _REFUSED = errno.EPERM, errno.EROFS, errno.EACCES


def is_special(number: int | None) -> bool:
    """Tell whether an error is none of owner and mode: the hints for those would not help."""
    return number in (_IMMUTABLE, _READ_ONLY)


def is_refusal(error: OSError) -> bool:
    """Tell whether a place has refused, and not for want of it or of room."""
    return error.errno in (_IMMUTABLE, _READ_ONLY, _REFUSED)


def refusal(place: str) -> int | None:
    """Return the number of the error with which a place refuses to be written, None where it does not.

    It is opened only where that must fail: to close another descriptor of a database would drop the
    locks of SQLite.
    """
    is_directory = os.path.isdir(place)
    if os.access(place, os.W_OK | (os.X_OK if is_directory else 0), effective_ids=True):
        return None
    try:
        os.close(_open_directory(place) if is_directory else _open_file(place))
    except OSError as error:
        return error.errno if is_special(error.errno) else _REFUSED
    return None


def _open_directory(place: str) -> int:
    return os.open(place, os.O_WRONLY | os.O_TMPFILE, 0o600)


def _open_file(place: str) -> int:
    from bangui_cli.host import inode  # a heartbeat that succeeds needs none of it

    return inode.open_seen(place, _require_regular, os.O_WRONLY)


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PermissionError(_REFUSED, os.strerror(_REFUSED))


def find(path: str) -> tuple[str, int] | None:
    """Return the place that refuses, with the number of its error: the directory, then the file."""
    directory = _nearest(os.path.dirname(os.path.abspath(path)))
    for place in (directory, path):
        number = refusal(place) if os.path.lexists(place) else None
        if number is not None:
            return place, number
    return None


def hint(place: str, number: int | None) -> str:
    """Say how to find out why a place refuses, and what to do about it."""
    import shlex  # 1 ms

    name = shlex.quote(place)
    if number == _IMMUTABLE:
        return f"{name} may be immutable: look with lsattr -d {name}; chattr -i {name} undoes it"
    if number == _READ_ONLY:
        return f"{name} is mounted read-only: look with findmnt -T {name}, or give another path"
    if os.path.isdir(place):
        return f"the directory {name} is closed to this user: look with ls -ld {name}; run as its owner"
    return f"run as the owner of the file: ls -l {name}"


def hint_to_read(path: str) -> str:
    """Say what to open for this user: the file, or a directory on the way that hides it."""
    if os.path.lexists(path):
        return "make the file readable for this user"
    return hint(_nearest(os.path.dirname(os.path.abspath(path))), _REFUSED)


def _nearest(directory: str) -> str:
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    return directory
