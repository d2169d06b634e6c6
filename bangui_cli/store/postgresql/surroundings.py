"""What libpq finds in its surroundings where an address says nothing: variables, service, pass file."""

import os
import stat
from collections.abc import Iterator, Mapping

_FROM_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "passfile": "PGPASSFILE",
}
# Debian's; other builds of libpq have their own, which PGSYSCONFDIR can name.
_SYSTEM_DIRECTORY = "/etc/postgresql-common"
_FOR_OWNER_ALONE = stat.S_IRWXG | stat.S_IRWXO


def complete(options: Mapping[str, str]) -> dict[str, str]:
    """Return the options of an address with host, port and pass file as libpq will find them."""
    service = options.get("service") or os.environ.get("PGSERVICE")
    found = {key: os.environ.get(name, "") for key, name in _FROM_VARIABLES.items()}
    if service:
        found |= {key: value for key, value in _read_service(service).items() if key in found}
    return {**{key: value for key, value in found.items() if value}, **options}


def pass_file_of(options: Mapping[str, str]) -> str:
    """Return the pass file that an address leads to, whether there is one or not."""
    return options.get("passfile") or os.path.expanduser("~/.pgpass")


def pass_file_fault(path: str) -> str | None:
    """Say why libpq does not use a pass file that is there, if so.

    It would do so on stderr, where every line is an event.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return None
    if not stat.S_ISREG(mode):
        return "is no plain file"
    if mode & _FOR_OWNER_ALONE:
        return f"is open to others than its owner (mode {stat.S_IMODE(mode):04o})"
    return None if os.access(path, os.R_OK) else "cannot be read by this user"


def _read_service(name: str) -> dict[str, str]:
    """Return what the first service file that knows a service says of it."""
    own = os.environ.get("PGSERVICEFILE") or os.path.expanduser("~/.pg_service.conf")
    directory = os.environ.get("PGSYSCONFDIR") or _SYSTEM_DIRECTORY
    for path in (own, f"{directory}/pg_service.conf"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found = dict(_pairs(file, f"[{name}]"))
        except OSError:
            continue
        if found:
            return found
    return {}


def _pairs(lines: Iterator[str], section: str) -> Iterator[tuple[str, str]]:
    is_inside = False
    for line in map(str.strip, lines):
        if line.startswith("["):
            is_inside = line == section
        elif is_inside and not line.startswith("#"):
            key, sign, value = line.partition("=")
            if sign:
                yield key, value
