"""One MMDB file: open it, tell what it knows, look addresses up in it."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import islice, starmap
from typing import Any, NamedTuple

from bangui_cli.host import identity, inode, trust
from bangui_cli.resolving import wrapping
from bangui_cli.resolving.isolation import ChildFailed, Limits, run_in_child
from bangui_cli.resolving.reader import open_with
from bangui_cli.resolving.records import Facts, extract, normalise
from bangui_cli.states.errors import (
    BanguiError,
    MmdbUnusable,
    NoInput,
    PermissionRefused,
    Unavailable,
    of_os_error,
)

_DESCRIPTORS = "/proc/self/fd"
# A file of another kind (anonymous proxies, domains) says so in its first records.
_SAMPLE_RECORDS = 1000
# The largest files that are sold have 700 MB.
_LARGEST_COPY_BYTES = 2**30
# The slowest reader, in pure Python on a small board, needs 1 s for the sample and 1.5 ms an address.
# A hostile file takes what it is given.
_CPU_LIMIT_S = 5
_CPU_LIMIT_PER_ADDRESS_S = 0.002
_COUNTRIES, _NETWORKS, _FOREIGN = "countries", "networks", "foreign"


class Mmdb(NamedTuple):
    """One open file; its first records say what it knows. `built_s` is the wall clock of its making.

    `registered`: whether the country of registration counts where a record has no other.
    """

    path: str
    descriptor: int
    identity: tuple[int, int]
    is_ipv4_only: bool
    kind: str
    built_s: float
    registered: bool

    @property
    def has_facts(self) -> bool:
        """Tell whether it is of a kind that resolves addresses."""
        return self.kind != _FOREIGN

    @property
    def has_countries(self) -> bool:
        """Tell whether it knows countries."""
        return self.kind == _COUNTRIES

    def made_s(self, now_s: float) -> float:
        """Return when it was made: the later of build and last change, but for what is in the future."""
        times_s = (self.built_s, self.identity[1] / 1e9)
        return max((time_s for time_s in times_s if time_s <= now_s), default=0.0)

    def look_up(self, ips: Sequence[str]) -> list[Facts]:
        """Return the facts of each address, all in normal form. Raise what `open_file` raises."""
        # A child copies each page of ours on which it touches an object: one text is few of them.
        text = "\n".join(ips)
        try:
            found = _read(
                self.path,
                self.descriptor,
                lambda reader: self._find(reader, text.split("\n")),
                cpu_limit_s=_CPU_LIMIT_S + round(len(ips) * _CPU_LIMIT_PER_ADDRESS_S),
            )
        finally:
            self._require_unchanged()
        distinct = list(starmap(normalise, found["distinct"]))
        return [distinct[number] for number in found["numbers"]]

    def _find(self, reader: Any, ips: Sequence[str]) -> dict[str, list[Any]]:
        """Return what is found, each once, and its number for each address: all of it has to be sent."""
        distinct: dict[Any, int] = {}
        get = _ipv4_getter(reader) if self.is_ipv4_only else reader.get
        pick = partial(extract, registered=self.registered)
        numbers = [distinct.setdefault(pick(get(ip)), len(distinct)) for ip in ips]
        return {"distinct": list(distinct), "numbers": numbers}

    def _require_unchanged(self) -> None:
        if _identity(self.descriptor) != self.identity:
            raise MmdbUnusable(f"{self.path} was changed while it was read", path=self.path) from None


def _ipv4_getter(reader: Any) -> Callable[[str], Any]:
    """Return a look-up for a file without IPv6, which the reader answers with a ValueError."""
    return lambda ip: None if ":" in ip else reader.get(ip)


def open_file(path: str, *, registered: bool = False) -> Mmdb:
    """Open one file and tell its kind.

    Raise NoInput, PermissionRefused or MmdbUnusable; what the system withholds is a state of its own.
    """
    descriptor = _open(path)
    try:
        is_ipv4_only, kind, built_s = _examine(path, descriptor)
        return Mmdb(path, descriptor, _identity(descriptor), is_ipv4_only, kind, built_s, registered)
    except BaseException:
        os.close(descriptor)
        raise


def _open(path: str) -> int:
    try:
        return inode.open_seen(path, lambda status: _require_regular(path, status))
    except (FileNotFoundError, NotADirectoryError):
        raise NoInput(f"no MMDB file at {path}", path=path) from None
    except PermissionError:
        raise PermissionRefused(
            f"no permission to read {path}", hint="make it readable: chmod a+r FILE", path=path
        ) from None
    except OSError as error:
        raise of_os_error(error, f"cannot open {path}") from None


def _require_regular(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise MmdbUnusable(f"{path} is no regular file", hint="give the .mmdb file itself", path=path)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _examine(path: str, descriptor: int) -> Any:
    """Return what `_describe` finds, or say what else the file is."""
    try:
        return _read(path, descriptor, _describe, cpu_limit_s=_CPU_LIMIT_S)
    except MmdbUnusable as unusable:
        raise _recognised(path, descriptor) or unusable from None


def _describe(reader: Any) -> tuple[bool, str, float]:
    metadata = reader.metadata()
    records = (record for _, record in islice(reader, _SAMPLE_RECORDS))
    # A country of registration says of what kind a file is, whether it counts or not.
    sample = (normalise(*extract(record, registered=True)) for record in records)
    return metadata.ip_version == 4, _kind(sample), float(metadata.build_epoch)


def _kind(sample: Iterable[Facts]) -> str:
    kind = _FOREIGN
    for facts in sample:
        if facts.country_code:
            return _COUNTRIES
        kind = _NETWORKS if facts.has_network else kind
    return kind


def _recognised(path: str, descriptor: int) -> MmdbUnusable | None:
    if _may_be_led_astray(path, descriptor):
        return None
    found = wrapping.recognise(os.pread(descriptor, wrapping.HEAD_BYTES, 0))
    return found and MmdbUnusable(f"{path} {found.what}", hint=found.hint, path=path)


def _may_be_led_astray(path: str, descriptor: int) -> bool:
    """Tell whether others could have led root to a file that they may not read, so to have it quoted."""
    owner_id = os.fstat(descriptor).st_uid
    return os.geteuid() == trust.ROOT_ID and trust.doubt(path, owner_id) is not None


def _read(path: str, descriptor: int, work: Callable[[Any], Any], *, cpu_limit_s: int) -> Any:
    """Run `work` with a reader of the file, in a child process."""
    open_database = open_with()
    # The descriptor leads to the file as it was opened, also when another has been renamed over it.
    link = f"{_DESCRIPTORS}/{descriptor}"
    if not os.access(link, os.R_OK):
        link = f"{_DESCRIPTORS}/{_copy_in_memory(descriptor, path)}"

    def read() -> Any:
        os.close(os.open(link, os.O_RDONLY))  # the reader would not say why it cannot
        with open_database(link) as reader:
            return work(reader)

    status = os.fstat(descriptor)
    limits = Limits(cpu_limit_s, mapped_bytes=status.st_size, user=_author(status))
    try:
        return run_in_child(read, limits)
    except ChildFailed as failure:
        reason = str(failure).replace(link, path)
        raise MmdbUnusable(f"{path} is no MMDB file, or damaged: {reason}", path=path) from None
    except OSError as error:
        raise _withheld(error, path) from None


def _author(status: os.stat_result) -> tuple[int, int] | None:
    """Return whose rights will do, for root, to read a file of another user: the reader trusts it."""
    is_foreign = os.geteuid() == trust.ROOT_ID and status.st_uid != trust.ROOT_ID
    # Of the host's users no process of a rootless container can be one.
    if not is_foreign or trust.is_of_outside(status.st_uid):
        return None
    # The file's group may be root's still; to read it, its owner needs none.
    return status.st_uid, identity.group_of(status.st_uid)


def _withheld(error: OSError, path: str) -> BanguiError:
    if not os.path.exists(_DESCRIPTORS):
        return Unavailable("/proc is not mounted", hint="mount -t proc proc /proc", path=path)
    if error.errno == errno.EPERM:
        return PermissionRefused(
            f"{path} is another user's, and this root may not become that one to read it",
            hint="chown root: FILE; or run with the capabilities CAP_SETUID and CAP_SETGID",
            path=path,
        )
    return of_os_error(error, f"cannot read {path}")


@cache
def _copy_in_memory(descriptor: int, path: str) -> int:
    """Return a descriptor of the same content that this user may open anew; the file only root may."""
    size = os.fstat(descriptor).st_size
    if size > _LARGEST_COPY_BYTES:
        raise PermissionRefused(
            f"{path} is closed to the user whose the database is, and too large for a copy in memory",
            hint="make it readable: chmod a+r FILE",
            path=path,
        )
    copy, at = os.memfd_create("mmdb"), 0
    while at < size and (sent := os.sendfile(copy, descriptor, at, size - at)):
        at += sent
    return copy
