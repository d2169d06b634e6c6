"""Put the files of a schedule in place, or take them away: only ever bangui's own."""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence

from bangui_cli.host import files
from bangui_cli.host.files import Place
from bangui_cli.scheduling.plan import MARK, File
from bangui_cli.states.errors import NotOurs

_NO_LINKS: Mapping[str, str] = {}


def install(
    possible: Sequence[str],
    wanted: Sequence[File],
    root: str,
    force: bool,
    links: Mapping[str, str] = _NO_LINKS,
) -> list[str]:
    """Write what is not there yet, and delete what else is bangui's of the possible paths.

    All or, where a file is not bangui's, nothing. With a path goes the link that led to it. Return the
    paths that changed. Raise NotOurs, and what `files.open_output` raises.
    """
    if not force:
        for file in wanted:
            _require_ours(root + file.path, "--force replaces it")
    names = {file.path for file in wanted}
    needless = [path for path in possible if path not in names and is_ours(root + path)]
    stale = [file for file in wanted if not _is_current(root + file.path, file.text)]
    for file in stale:
        with files.open_output(root + file.path, make_directories=True) as output:
            output.replace(file.text.encode())
    _delete(_present([links[path] for path in needless if path in links], root), root)
    _delete(needless, root)
    return [*(file.path for file in stale), *needless]


def remove(paths: Sequence[str], root: str, links: Sequence[str] = ()) -> list[str]:
    """Delete what is there of bangui's files, and links that would dangle; return the paths."""
    for path in paths:
        _require_ours(root + path, "delete it yourself if it is to go")
    present = _present([*links, *paths], root)
    _delete(present, root)
    return present


def read(paths: Sequence[str], root: str) -> tuple[File, ...]:
    """Return what is there of bangui's files. Raise PermissionRefused or IoFailed."""
    found = []
    for path in paths:
        content = _read(root + path)
        if content is not None and content.startswith(MARK.encode()):
            found.append(File(path, content.decode("utf-8", "surrogateescape")))
    return tuple(found)


def _present(paths: Sequence[str], root: str) -> list[str]:
    return [path for path in paths if os.path.lexists(root + path)]


def is_ours(path: str) -> bool:
    """Tell whether bangui wrote the file. Raise PermissionRefused or IoFailed."""
    return bool(read([path], ""))


def _delete(paths: Iterable[str], root: str) -> None:
    for path in paths:
        with Place(root + path) as place:
            place.delete()


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
