"""Put the files of a schedule in place, or take them away: only ever bangui's own."""

import os
import stat

from bangui_cli.host import files
from bangui_cli.scheduling.plan import MARK, File
from bangui_cli.states.errors import NotOurs

_MODE = 0o644


def install(wanted: tuple[File, ...], root: str, *, force: bool) -> list[str]:
    """Write what is not there yet, all or, where a file is not bangui's, nothing; return the paths.

    Raise NotOurs, and what `files.replace_file` raises.
    """
    if not force:
        for file in wanted:
            _require_ours(root + file.path, "--force replaces it")
    stale = [file for file in wanted if not _is_current(root + file.path, file.text)]
    for file in stale:
        _make_directory(os.path.dirname(root + file.path))
        files.replace_file(root + file.path, file.text.encode(), _MODE)
    return [file.path for file in stale]


def remove(paths: tuple[str, ...], links: tuple[str, ...], root: str) -> list[str]:
    """Delete what is there of bangui's files, and links that would dangle; return the paths."""
    for path in paths:
        _require_ours(root + path, "delete it yourself if it is to go")
    present = [path for path in (*links, *paths) if os.path.lexists(root + path)]
    for path in present:
        try:
            os.unlink(root + path)
            files.sync_directory(os.path.dirname(root + path))
        except OSError as error:
            raise files.failure(error, f"cannot delete {root + path}") from None
    return present


def is_ours(path: str) -> bool:
    """Tell whether bangui wrote the file. Raise PermissionRefused or IoFailed."""
    content = _read(path)
    return content is not None and content.startswith(MARK.encode())


def _require_ours(path: str, way_out: str) -> None:
    if os.path.lexists(path) and not is_ours(path):
        raise NotOurs(
            f"bangui did not write {path}", hint=f"look at it, and move it away; {way_out}", path=path
        )


def _is_current(path: str, text: str) -> bool:
    if _read(path) != text.encode():
        return False
    status = os.lstat(path)
    return stat.S_IMODE(status.st_mode) == _MODE and status.st_uid == os.geteuid()


def _read(path: str) -> bytes | None:
    """Return the content of a regular file, None for anything else and where there is nothing."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise files.failure(error, f"cannot read {path}") from None


def _make_directory(path: str) -> None:
    """Make the directories that are missing, 0755 whatever the umask, as a package wants them."""
    if os.path.isdir(path):
        return
    _make_directory(os.path.dirname(path))
    try:
        os.mkdir(path)
        os.chmod(path, 0o755)  # noqa: S103
    except OSError as error:
        raise files.failure(error, f"cannot create {path}") from None
