"""Whose a database is, and who else could change it: settled before SQLite looks at anything.

SQLite obeys what lies beside a database. It rolls back a journal whoever made it, with the rights of
whoever opens the database: that can empty the file, and unlink any other that the journal names.
"""

import os
import stat

from bangui_cli.host import trust
from bangui_cli.host.trust import ROOT_ID, Foreign
from bangui_cli.rules.sqlite_spelling import sidecars
from bangui_cli.states.errors import ConfigInvalid, Untrusted

_DESCRIPTORS = "/proc/self/fdinfo"
_SECOND_NAME = "has a second name"


def owner_of(path: str) -> tuple[int, int]:
    """Return the IDs of the user whose database it is, or would be, and of its group.

    That is the owner of the file; root's file in another user's directory is that user's. For what is
    missing, or out of reach, the nearest directory decides.
    """
    status = _look(path)
    if status is None or status.st_uid == ROOT_ID:
        status = _nearest_directory(path)
    return status.st_uid, status.st_gid


def become_owner(path: str) -> None:
    """As root, take the identity of the user whose database it is, for good.

    Raise PermissionRefused, and ConfigInvalid as `require` does.
    """
    owner = future_owner(path)
    if owner:
        from bangui_cli.host import identity

        require_one_place(path)  # Linux before 5.14 hides that from who has changed identity
        identity.take(*owner)


def future_owner(path: str) -> tuple[int, int] | None:
    """Return whose identity this process takes to open a database, None where it stays who it is."""
    if os.geteuid() != ROOT_ID:
        return None
    owner = owner_of(path)
    return None if owner[0] == ROOT_ID else owner


def require(path: str) -> None:
    """Let nobody else change a database, or what SQLite obeys beside it, or where one is to be made.

    Raise OSError, Untrusted, and ConfigInvalid for a file that is itself a mount point.
    """
    require_one_place(path)
    status = _look(path)
    owner_id = os.geteuid() if status is None else status.st_uid
    _require_own_way(path, owner_id)
    for name in sidecars(path):
        foreign = _judge(name, owner_id)
        if foreign:
            raise _distrust_sidecar(path, foreign)


def require_one_place(path: str) -> None:
    """Raise ConfigInvalid for a file that is itself a mount point, as a file given to a container is."""
    mount, around = _mount_of(path), _mount_of(os.path.join(os.path.dirname(path), "."))
    if None not in (mount, around) and mount != around:
        raise ConfigInvalid(
            f"{path} is itself a mount point: its journal would stand beside one of its two names only",
            hint="mount the directory that holds it, not the file",
            path=path,
        )


def find_foreign_hands(path: str, owner_id: int) -> Foreign | None:
    """Return who else could change a user's database, or the way there. Raise OSError."""
    return trust.find_foreign_hands(path, owner_id, group_counts=owner_id == ROOT_ID)


def distrust(path: str, foreign: Foreign, owner_id: int) -> Untrusted:
    """Return the state in which SQLite is not to look at a user's database."""
    from bangui_cli.store.sqlite import remedies

    return trust.distrust(path, foreign, hint=remedies.of_database(path, foreign, owner_id))


def count_names(path: str) -> int:
    """Return how many names the file has; one that is mounted elsewhere is not seen."""
    status = _look(path)
    return 1 if status is None else status.st_nlink


def _require_own_way(path: str, owner_id: int) -> None:
    foreign = find_foreign_hands(path, owner_id)
    if foreign:
        raise distrust(path, foreign, owner_id)


def _distrust_sidecar(path: str, foreign: Foreign) -> Untrusted:
    from bangui_cli.store.sqlite import remedies

    hint = remedies.of_sidecar(path, foreign, has_other_name=foreign.why == _SECOND_NAME)
    return trust.distrust(foreign.path, foreign, hint=hint)


def _look(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (OSError, ValueError):
        return None


def _nearest_directory(path: str) -> os.stat_result:
    while True:
        path = os.path.dirname(path) or "."
        try:
            return os.stat(path)
        except OSError:
            if path in ("/", "."):
                raise


def _judge(path: str, owner_id: int) -> Foreign | None:
    """Judge a file beside the database. Root's own is no danger to anybody."""
    status = _look(path)
    if status is None:
        return None
    if not stat.S_ISREG(status.st_mode):
        return Foreign(path, status.st_uid, status.st_mode, "is no regular file")
    if status.st_nlink > 1:
        return Foreign(path, status.st_uid, status.st_mode, _SECOND_NAME)
    return trust.judge(path, status, owner_id, group_counts=owner_id == ROOT_ID)


def _mount_of(path: str) -> bytes | None:
    """Return the ID of the mount that a place is on, None where nobody can tell."""
    try:
        # O_PATH: to close another descriptor of the database would drop SQLite's locks.
        place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            lines = _read(f"{_DESCRIPTORS}/{place}").splitlines()
        finally:
            os.close(place)
    except (OSError, ValueError):
        return None
    return next((line for line in lines if line.startswith(b"mnt_id:")), None)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
