"""Put the files of a schedule in place, or take them away: only ever bangui's own."""

import os
import stat

from bangui_cli.host import files
from bangui_cli.host.files import Place
from bangui_cli.scheduling.plan import MARK, File
from bangui_cli.states.errors import NotOurs


def install(wanted: tuple[File, ...], root: str, *, force: bool) -> list[str]:
    """Write what is not there yet, all or, where a file is not bangui's, nothing; return the paths.

    Raise NotOurs, and what `files.open_output` raises.
    """
    if not force:
        for file in wanted:
            _require_ours(root + file.path, "--force replaces it")
    stale = [file for file in wanted if not _is_current(root + file.path, file.text)]
    for file in stale:
        with files.open_output(root + file.path, make_directories=True) as output:
            output.replace(file.text.encode())
    return [file.path for file in stale]


def remove(paths: tuple[str, ...], links: tuple[str, ...], root: str) -> list[str]:
    """Delete what is there of bangui's files, and links that would dangle; return the paths."""
    for path in paths:
        _require_ours(root + path, "delete it yourself if it is to go")
    present = [path for path in (*links, *paths) if os.path.lexists(root + path)]
    for path in present:
        with Place(root + path) as place:
            place.delete()
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
    with Place(path) as place:
        status = place.status()
    if status is None:
        return False
    return stat.S_IMODE(status.st_mode) == files.PUBLIC and status.st_uid == os.geteuid()


def _read(path: str) -> bytes | None:
    """Return the content of a regular file, None for anything else and where there is nothing."""
    if not os.path.lexists(path):
        return None
    with Place(path) as place:
        return place.read()
