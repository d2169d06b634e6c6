"""Check the place of the database: who may do what there, on which file system, with how much room."""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from shlex import quote

from bangui_cli.host import obstacles
from bangui_cli.rules.sqlite_spelling import sidecars
from bangui_cli.states import exit_codes
from bangui_cli.states.checks import Check, error, failed, ok, warning
from bangui_cli.states.errors import ConfigInvalid, Untrusted
from bangui_cli.store.sqlite import custody, faults
from bangui_cli.telling.readable import size

_MOUNTS = "/proc/self/mountinfo"
_NETWORK = {
    "9p", "afs", "ceph", "cifs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
    "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
}  # fmt: skip
_OTHERS = 0o077
# Below the first nothing fits; below the second a large import or a busy log may fill the rest.
_NO_ROOM_BYTES, _LITTLE_ROOM_BYTES = 2**20, 64 * 2**20


def examine(path: str) -> list[Check]:
    """Check the directory and the file of a database that is there."""
    directory = os.path.dirname(os.path.abspath(path))
    file_system = file_system_of(os.path.realpath(directory), _read_mounts())
    return [
        check_writable(path, directory),
        _check_permissions(path, directory),
        _check_ownership(path, directory),
        _check_names(path),
        check_file_system(directory, file_system),
        _check_room(directory),
    ]


def check_writable(path: str, directory: str) -> Check:
    """Check that a job of this user could write, and make the journal beside the file."""
    beside = [(name, os.R_OK | os.W_OK) for name in filter(os.path.exists, sidecars(path))]
    for place, wanted in ((path, os.W_OK), (directory, os.W_OK | os.X_OK), *beside):
        if not os.access(place, wanted, effective_ids=True):
            remedy = faults.way_in(path) if place in sidecars(path) else None
            remedy = remedy or obstacles.hint(place, obstacles.refusal(place))
            return error(
                "database_writable", f"{place} cannot be written", remedy, exit_codes.NO_PERMISSION
            )
    return ok("database_writable", f"{path} and its directory")


def _check_permissions(path: str, directory: str) -> Check:
    """Check that nobody else can change the database, or what SQLite obeys beside it, nor look at it."""
    try:
        custody.require(path)
    except Untrusted as state:
        return failed("permissions", state)
    except (ConfigInvalid, OSError):
        pass  # another check's
    modes = os.stat(path).st_mode, os.stat(directory).st_mode
    return check_modes(path, directory, modes, is_shared=_is_shared(directory, path))


def _is_shared(directory: str, path: str) -> bool:
    """Tell whether other things are in the directory, for whose sake it may have to stay as it is."""
    try:
        names = os.listdir(directory)
    except OSError:
        return True
    return not {os.path.basename(own) for own in (path, *sidecars(path))}.issuperset(names)


def check_modes(path: str, directory: str, modes: tuple[int, int], *, is_shared: bool) -> Check:
    """Check that the file is 0600 and its directory 0700: it tells whom this host has seen."""
    places = ((path, modes[0], "600"), (directory, modes[1], "700"))
    found = [(place, stat.S_IMODE(bits), wanted) for place, bits, wanted in places]
    loose = [(place, bits, wanted) for place, bits, wanted in found if bits & _OTHERS]
    if not loose:
        return ok("permissions", "only the owner may read and write")
    detail = ", ".join(f"{place} has mode {bits:04o}" for place, bits, _ in loose)
    todo = [f"chmod {wanted} {quote(place)}" for place, _, wanted in loose]
    if is_shared and loose[-1][0] == directory:  # of /etc or /var/lib that would be the end of a host
        todo[-1] = "move it to a directory of its own, of mode 700, for others are served from that one"
    remedy = "; ".join(todo)
    who = "a group may write" if any(bits & stat.S_IWGRP for _, bits, _ in loose) else "others may look"
    return warning("permissions", f"{who}: {detail}", remedy)


def _check_ownership(path: str, directory: str) -> Check:
    """Check that all belongs to whoever runs this, which ought to be who runs the jobs."""
    places = (path, directory, *filter(os.path.exists, sidecars(path)))
    kept = directory if _is_shared(directory, path) else None
    return check_owners({place: os.stat(place).st_uid for place in places}, os.geteuid(), kept)


def check_owners(owner_ids: Mapping[str, int], user_id: int, kept: str | None = None) -> Check:
    """Check whose the places of a database are, by the user who looks at them.

    What is wholly another's is not to be given to whoever has only come to look, nor what is `kept`.
    """
    user = _user_name(user_id)
    foreign = {place: owner_id for place, owner_id in owner_ids.items() if owner_id != user_id}
    if not foreign:
        return ok("ownership", f"all belongs to {user}, as whom this runs")
    place, owner_id = next(iter(foreign.items()))
    owner = _user_name(owner_id)
    detail, remedy = (
        f"{place} belongs to {owner}, and this runs as {user}",
        f"run jobs and commands as {owner}",
    )
    if len(foreign) < len(owner_ids) and kept not in foreign:
        remedy += f", or as root: chown {user} {' '.join(map(quote, foreign))}"
    return warning("ownership", detail, remedy)


def _check_names(path: str) -> Check:
    """Check that whoever opens the database finds the journal that another run left beside it."""
    try:
        custody.require_one_place(path)
    except ConfigInvalid as state:
        return failed("second_name", state)
    names = custody.count_names(path)
    if names == 1:
        return ok("second_name", "the file has no other name")
    detail = f"{path} has {names} names (hard links); a journal stands beside one of them only"
    remedy = f"remove the others: find / -xdev -samefile {quote(path)}"
    return error("second_name", detail, remedy, exit_codes.CONFIG)


def check_file_system(directory: str, file_system: str) -> Check:
    """Check that SQLite's locks reach everyone who opens the file."""
    if file_system in _NETWORK or file_system.startswith("fuse."):
        return warning(
            "file_system",
            f"{directory} is on {file_system}: locks and the boot clock do not reach other hosts",
            "keep the database on a local disk, all instances on one host",
        )
    return ok("file_system", f"{directory} is on {file_system}")


def file_system_of(path: str, mounts: Iterable[str]) -> str:
    """Return the type of the file system that a real path is on, by the lines of mountinfo."""
    longest, found = "", "unknown"
    for line in mounts:
        mount, _, source = line.partition(" - ")
        point = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), mount.split()[4])
        # Of two mounts on one point the later hides the earlier.
        if f"{path}/".startswith(f"{point.rstrip('/')}/") and len(point) >= len(longest):
            longest, found = point, source.split()[0]
    return found


def _read_mounts() -> list[str]:
    try:
        with open(_MOUNTS, encoding="utf-8", errors="replace") as mounts:
            return mounts.readlines()
    except OSError:  # no /proc
        return []


def _check_room(directory: str) -> Check:
    status = os.statvfs(directory)
    is_out_of_inodes = status.f_files > 0 and status.f_favail == 0
    return check_room(directory, 0 if is_out_of_inodes else status.f_bavail * status.f_frsize)


def check_room(directory: str, free_bytes: int) -> Check:
    """Check that the next flush or import will not fill the disk."""
    detail = f"{size(free_bytes)} free in {directory}"
    remedy = f"free some space: df -h {quote(directory)}; df -i {quote(directory)}"
    if free_bytes < _NO_ROOM_BYTES:
        return error("free_space", detail, remedy, exit_codes.IO_ERROR)
    if free_bytes < _LITTLE_ROOM_BYTES:
        return warning("free_space", detail, remedy)
    return ok("free_space", detail)


def _user_name(user_id: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"
