"""Replace whole files: a reader sees the old content or the new, also after a power cut."""

import os
import tempfile

from bangui_cli.states import errors
from bangui_cli.states.errors import BanguiError, CannotCreate


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
    """Name the state behind an error with a file that is written."""
    return errors.of_os_error(error, what, otherwise=CannotCreate)


def _fill(descriptor: int, content: bytes, mode: int) -> None:
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
