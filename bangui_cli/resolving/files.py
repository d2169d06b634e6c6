"""The MMDB files of a run: those that are configured, or those in the usual places."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bangui_cli.resolving.mmdb import Mmdb, open_file
from bangui_cli.states.errors import BanguiError, MmdbUnusable, NoInput, of_os_error

DIRECTORIES = ("/usr/share/GeoIP", "/var/lib/GeoIP")


def are_there(configured: Sequence[str]) -> bool:
    """Tell whether files are configured, or in the usual places."""
    try:
        return bool(find_paths(configured))
    except NoInput:
        return False


def find_paths(configured: Sequence[str], root: str = "") -> list[str]:
    """Return the files that are configured, or those in the usual places, of a root. Raise NoInput."""
    paths = list(configured) or [
        f"{directory}/{name}" for directory in DIRECTORIES for name in _names_in(root + directory)
    ]
    if not paths:
        raise NoInput(
            f"no MMDB file: none is set, none is in {' or '.join(DIRECTORIES)}",
            hint="fetch GeoLite2, DB-IP Lite or IPinfo Lite as MMDB; then --geoip-db FILE or geoip_db",
        )
    return paths


def _names_in(directory: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(".mmdb"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    except OSError as error:
        raise of_os_error(error, f"cannot list {directory}") from None


@contextmanager
def open_files(configured: Sequence[str], *, registered: bool = False) -> Iterator[list[Mmdb]]:
    """Open the configured files, or those in the usual places, the newest of them first.

    A file that is of another kind is passed over in the usual places, and an error (MmdbUnusable) where
    it was asked for. Raise what `find_paths` and `open_file` raise.
    """
    files: list[Mmdb] = []
    try:
        files += (open_file(path, registered=registered) for path in find_paths(configured))
        useful = [file for file in files if file.has_facts]
        if not useful or (configured and len(useful) < len(files)):
            other = next(file for file in files if not file.has_facts)
            raise MmdbUnusable(
                f"{other.path} holds neither countries nor ASNs",
                hint="give a Country, City or ASN file (or --geoip-db more than once)",
                path=other.path,
            )
        yield useful if configured else sorted(useful, key=lambda file: -file.built_s)
    finally:
        for file in files:
            os.close(file.descriptor)


def oldest_build_s(configured: Sequence[str], now_s: float) -> float | None:
    """Return when the oldest of the files was built; None where that cannot be told, or not believed."""
    try:
        with open_files(configured) as files:
            built_s = min(file.built_s for file in files)
    except BanguiError:
        return None
    return built_s if 0 < built_s <= now_s else None
