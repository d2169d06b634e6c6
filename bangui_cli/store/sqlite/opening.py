"""Open a database file that exists: a plain path to a regular file, and never by creating it."""

import os
import sqlite3
import stat
from typing import TYPE_CHECKING

from bangui_cli.host import trust
from bangui_cli.rules.sqlite_spelling import decode, quote_path, sidecars
from bangui_cli.states import errors
from bangui_cli.states.errors import NoDatabase, NotADatabase, PermissionRefused
from bangui_cli.store.sqlite import custody, faults

if TYPE_CHECKING:
    from bangui_cli.store.places import Place

_CHECK_PATH = "check database_path: bangui config show names its source"


def open_file(path: str, *, read_only: bool = False) -> sqlite3.Connection:
    """Connect without touching the file's content; SQLite itself will not wait for locks.

    Raise what `approach` raises.
    """
    approach(path)
    try:
        # mode=rw: a file that is deleted in this very moment must not come back empty.
        connection = sqlite3.connect(
            f"file:{quote_path(path)}?mode={'ro' if read_only else 'rw'}",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,  # staging takes turns with its thread
        )
    except sqlite3.Error as error:
        raise faults.translate(error, path) from error
    # Bytes that are no UTF-8, written by another program, must not end a pass.
    connection.text_factory = decode
    return connection


def approach(path: str) -> None:
    """Come before a database that is a file in nobody else's hands, root as the user whose it is.

    Raise NoDatabase, NotADatabase, PermissionRefused, Untrusted or ConfigInvalid.
    """
    require_plain_path(path)
    custody.become_owner(path)
    _require_regular_file(path, _file_mode(path))
    try:
        custody.require(path)
    except FileNotFoundError:  # since just now, or the way there from a directory that is gone
        raise _no_database(path) from None
    except OSError as error:
        raise errors.of_os_error(error, f"cannot look at {path}") from None


def place_of(path: str) -> "Place":
    """Return where the file is, and what SQLite may put beside it."""
    from bangui_cli.store.places import Place

    path = os.path.abspath(path)
    return Place(path, os.path.dirname(path), (path, *sidecars(path)))


def require_plain_path(path: str) -> None:
    """Raise NoDatabase for what SQLite would not take as the name of a file, and for any address."""
    scheme, is_address, _ = path.partition("://")
    if is_address and "/" not in scheme:
        # Behind the scheme there may be a password.
        raise NoDatabase(
            f"{scheme}://... is not the path of a file",
            hint="give a plain path, or the address of a server: postgresql://USER@HOST:PORT/DATABASE",
        )
    if path.startswith("file:") or path == ":memory:" or not path or "\0" in path:
        raise NoDatabase(
            f"{path!r} is not the path of a file", hint="give a plain path, no URI and no :memory:"
        )


def require_no_other_kind(path: str) -> None:
    """Raise NotADatabase where something is that is no file; what is missing can be made."""
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return
    _require_regular_file(path, mode)


def _file_mode(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        raise _no_database(path) from None
    except NotADirectoryError:
        raise NoDatabase(
            f"no database at {path}: a part of the path is no directory", hint=_CHECK_PATH
        ) from None
    except PermissionError:
        raise PermissionRefused(
            f"user {trust.user_name(os.geteuid())} has no permission to reach {path}",
            hint="run as a user whom each directory lets through: namei -l FILE",
            path=path,
        ) from None
    except (OSError, ValueError) as error:
        raise NoDatabase(f"no database at {path!r}: {error}", hint=_CHECK_PATH) from None


def _no_database(path: str) -> NoDatabase:
    try:
        os.path.abspath(path)
    except FileNotFoundError:
        message = f"no database at {path}: the working directory has been deleted"
        return NoDatabase(message, hint="give an absolute path", path=path)
    return NoDatabase(f"no database at {path}", path=path)


def _require_regular_file(path: str, mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise NotADatabase(
            f"{path} is a symbolic link",
            hint="give the path it points to; SQLite would follow it in silence",
        )
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise NotADatabase(f"{path} is {kind}", path=path)
