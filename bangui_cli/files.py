"""Replace whole files: a reader sees the old content or the new, also after a power cut."""

import errno
import os
import tempfile

from bangui_cli.errors import BanguiError, CannotCreate, DiskFull, IoFailed, PermissionRefused

_NO_PERMISSION = (PermissionRefused, "run as a user who may write there: root for /etc")
_DISK_FULL = (DiskFull, "free some space (df -h), and run the command again")
_STATES: dict[int | None, tuple[type[BanguiError], str]] = {
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.EROFS: (PermissionRefused, "the file system is read-only: give another path"),
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
    errno.EIO: (IoFailed, "look for disk errors (dmesg)"),
}


def replace_file(path: str, content: bytes, mode: int = 0o644) -> None:
    """Write a file whole, under a name of its own, and rename it into place.

    Its mode is `mode` whatever the umask. The name in between begins with a dot, for which cron,
    systemd and collectors pass over it. Raise CannotCreate, PermissionRefused, DiskFull or IoFailed.
    """
    directory, name = os.path.split(os.path.abspath(path))
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.islink(path)):
        # The rename takes the place of a link, which is meant, but also of a device such as /dev/null.
        raise CannotCreate(f"cannot write {path}: it is no regular file", hint="name another file")
    try:
        descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=f".{name}.", suffix=".tmp")
        try:
            _fill(descriptor, content, mode)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        sync_directory(directory)
    except OSError as error:
        raise failure(error, f"cannot write {path}") from None


def sync_directory(path: str) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def failure(error: OSError, what: str) -> BanguiError:
    """Name the state behind an error of the operating system."""
    state, hint = _STATES.get(error.errno, (CannotCreate, None))
    return state(f"{what}: {error.strerror}", hint=hint)


def _fill(descriptor: int, content: bytes, mode: int) -> None:
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
