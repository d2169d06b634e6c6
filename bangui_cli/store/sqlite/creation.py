"""Create the file of a database, and the directories that it lacks, in nobody else's hands."""

import os

from bangui_cli.states.errors import CannotCreate, NoDatabase
from bangui_cli.store.sqlite import custody, opening
from bangui_cli.store.sqlite.remedies import is_own_sticky


def create_file(path: str) -> bool:
    """Create the file 0600 in a directory 0700, whatever the umask; return whether it was missing.

    In a directory of another user, root does so as that user. Raise CannotCreate, NotADatabase,
    PermissionRefused, Untrusted or ConfigInvalid.
    """
    try:
        opening.require_plain_path(path)
    except NoDatabase as error:
        raise CannotCreate(error.error, hint=error.hint) from None
    # Before it is asked whose it is: who may write to a device is nothing to be mended with chmod.
    opening.require_no_other_kind(path)
    custody.become_owner(path)
    umask = os.umask(0o077)
    try:
        _make_directories(path)
        custody.require(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    except RecursionError:
        raise CannotCreate("cannot create so many directories, one in the other", path=path) from None
    except OSError as error:
        raise CannotCreate(f"cannot create {path}: {error.strerror}", path=path) from None
    finally:
        os.umask(umask)
    return True


def _make_directories(path: str) -> None:
    """Make the directories that a database lacks, as the umask has it, in nobody else's hands.

    Raise OSError or Untrusted.
    """
    directory = os.path.dirname(path)
    if directory and not os.path.lexists(directory):
        _make_directories(directory)
        _require_room_for_own(os.path.dirname(directory) or ".", os.geteuid())
        try:
            os.mkdir(directory)
        except FileExistsError:
            pass  # another process was faster; who, is asked when the database is made


def _require_room_for_own(directory: str, owner_id: int) -> None:
    """Raise Untrusted where others could lead astray who makes a directory; in /tmp they cannot."""
    foreign = custody.find_foreign_hands(directory, owner_id)
    if foreign and not (is_own_sticky(foreign, owner_id) and os.path.samefile(foreign.path, directory)):
        raise custody.distrust(directory, foreign, owner_id)
