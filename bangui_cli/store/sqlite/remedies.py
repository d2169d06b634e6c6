"""What to do about a database that others could change; nobody is told to open it as root."""

import os
import stat
from shlex import quote

from bangui_cli.host import trust
from bangui_cli.host.trust import ROOT_ID, Foreign


def of_database(path: str, foreign: Foreign, owner_id: int) -> str:
    """Say how to take a database out of foreign hands."""
    is_another_users = foreign.owner_id not in (ROOT_ID, owner_id)
    if is_another_users and _is_directory_of(foreign.path, path):
        return f"if it is theirs, give it to them, else move it: chown --reference=FILE {quote(path)}"
    if is_another_users or is_own_sticky(foreign, owner_id):
        owner = trust.user_name(owner_id)
        return f"a database belongs where only {owner} may write: move it to a directory of that kind"
    return f"chmod {'go' if owner_id == ROOT_ID else 'o'}-w FILE"


def _is_directory_of(place: str, path: str) -> bool:
    return os.path.lexists(path) and os.path.samefile(place, os.path.dirname(path) or ".")


def of_sidecar(path: str, foreign: Foreign, *, has_other_name: bool) -> str:
    """Say what to do with a file that SQLite would obey; it may be needed to undo a half-done write."""
    if not stat.S_ISREG(foreign.mode):
        return "see who made it, and remove it: it is no part of the database"
    if has_other_name:
        return "remove its other name: find / -xdev -samefile FILE"
    own = f"chown --reference={quote(path)} FILE; chmod --reference={quote(path)} FILE"
    return f"see who wrote it: if it was the owner of the database, {own}; else move it away"


def is_own_sticky(foreign: Foreign, owner_id: int) -> bool:
    """Tell whether a place is open to all as /tmp is: nobody renames there what is not his."""
    return bool(foreign.mode & stat.S_ISVTX) and foreign.owner_id in (ROOT_ID, owner_id)
