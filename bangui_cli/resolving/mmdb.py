"""MMDB files: find them, open them, look addresses up in them."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import islice, starmap
from typing import Any, NamedTuple

from bangui_cli.resolving.isolation import ChildFailed, run_in_child
from bangui_cli.resolving.records import Facts, extract, normalise
from bangui_cli.states.errors import IoFailed, MmdbUnusable, NoInput, PermissionRefused

DIRECTORIES = ("/usr/share/GeoIP", "/var/lib/GeoIP")
# A file of another kind (anonymous proxies, domains) says so in its first records.
_SAMPLE_RECORDS = 1000


class Mmdb(NamedTuple):
    """One open file. `built_s` is the wall clock of its making."""

    path: str
    descriptor: int
    identity: tuple[int, int]
    is_ipv4_only: bool
    has_facts: bool
    built_s: float

    def look_up(self, ips: Sequence[str]) -> list[Facts]:
        """Return the facts of each address, all in normal form. Raise MmdbUnusable."""
        # A child copies each page of ours on which it touches an object: one text is few of them.
        text = "\n".join(ips)
        try:
            found = _read(
                self.path, self.descriptor, lambda reader: self._find(reader, text.split("\n"))
            )
        finally:
            self._require_unchanged()
        distinct = list(starmap(normalise, found["distinct"]))
        return [distinct[number] for number in found["numbers"]]

    def _find(self, reader: Any, ips: Sequence[str]) -> dict[str, list[Any]]:
        """Return what is found, each once, and its number for each address: all of it has to be sent."""
        distinct: dict[Any, int] = {}
        get = _ipv4_getter(reader) if self.is_ipv4_only else reader.get
        numbers = [distinct.setdefault(extract(get(ip)), len(distinct)) for ip in ips]
        return {"distinct": list(distinct), "numbers": numbers}

    def _require_unchanged(self) -> None:
        if _identity(self.descriptor) != self.identity:
            raise MmdbUnusable(f"{self.path} was changed while it was read", path=self.path) from None


def _ipv4_getter(reader: Any) -> Callable[[str], Any]:
    """Return a look-up for a file without IPv6, which the reader answers with a ValueError."""
    return lambda ip: None if ":" in ip else reader.get(ip)


def find_paths(configured: Sequence[str]) -> list[str]:
    """Return the files that are configured, or those in the usual places. Raise NoInput."""
    paths = list(configured) or [
        f"{directory}/{name}" for directory in DIRECTORIES for name in _names_in(directory)
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
    except OSError:
        return []


@contextmanager
def open_files(configured: Sequence[str]) -> Iterator[list[Mmdb]]:
    """Open the configured files, or those in the usual places, the newest of them first.

    Raise NoInput, PermissionRefused, IoFailed or MmdbUnusable. A file that is of another kind is
    passed over in the usual places, and an error where it was asked for.
    """
    files: list[Mmdb] = []
    try:
        files += map(open_file, find_paths(configured))
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


def open_file(path: str) -> Mmdb:
    """Open one file and tell its kind. Raise NoInput, PermissionRefused, IoFailed or MmdbUnusable."""
    descriptor = _open(path)
    try:
        return Mmdb(path, descriptor, _identity(descriptor), *_read(path, descriptor, _describe))
    except BaseException:
        os.close(descriptor)
        raise


def _open(path: str) -> int:
    try:
        # O_NONBLOCK: the open of a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise NoInput(f"no MMDB file at {path}", path=path) from None
    except PermissionError:
        raise PermissionRefused(
            f"no permission to read {path}", hint=f"make it readable: chmod a+r {path}", path=path
        ) from None
    except (OSError, ValueError) as error:
        raise IoFailed(f"cannot open {path}: {error}", path=path) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise MmdbUnusable(f"{path} is no regular file", hint="give the .mmdb file itself", path=path)
    return descriptor


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _describe(reader: Any) -> tuple[bool, bool, float]:
    metadata = reader.metadata()
    sample = islice(reader, _SAMPLE_RECORDS)
    has_facts = any(normalise(*extract(record)) != Facts() for _, record in sample)
    return metadata.ip_version == 4, has_facts, float(metadata.build_epoch)


def _read(path: str, descriptor: int, work: Callable[[Any], Any]) -> Any:
    """Run `work` with a reader of the file, in a child process. Raise MmdbUnusable."""
    import maxminddb

    # The descriptor leads to the file as it was opened, also when another has been renamed over it.
    link = f"/proc/self/fd/{descriptor}"
    if not os.access(link, os.R_OK):
        link = f"/proc/self/fd/{_copy_in_memory(descriptor)}"

    def read() -> Any:
        with maxminddb.open_database(link) as reader:
            return work(reader)

    try:
        return run_in_child(read)
    except ChildFailed as failure:
        reason = str(failure).replace(link, path)
        raise MmdbUnusable(f"{path} is no MMDB file, or damaged: {reason}", path=path) from None


@cache
def _copy_in_memory(descriptor: int) -> int:
    """Return a descriptor of the same content that anybody may open; the file's own only root could."""
    copy, at, size = os.memfd_create("mmdb"), 0, os.fstat(descriptor).st_size
    while at < size and (sent := os.sendfile(copy, descriptor, at, size - at)):
        at += sent
    return copy
