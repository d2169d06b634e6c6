"""What libpq finds in its surroundings where an address says nothing: variables, service, pass file."""

import os
import pwd
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
    found = {key: os.environ.get(name, "") for key, name in _FROM_VARIABLES.items()}
    found |= {key: value for key, value in _of_service(options).items() if key in found}
    return {**{key: value for key, value in found.items() if value}, **options}


def pass_file_of(options: Mapping[str, str]) -> str:
    """Return the pass file that an address leads to, whether there is one or not."""
    return options.get("passfile") or f"{home(os.environ)}/.pgpass"


def service_of(options: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """Return the name of the service that is asked for, if one is."""
    return options.get("service") or environment.get("PGSERVICE")


def service_files(options: Mapping[str, str], environment: Mapping[str, str]) -> tuple[str, str]:
    """Return where libpq looks for a service, in its order: in the user's file, and in the system's."""
    # Addresses have that option since libpq 18.
    own = options.get("servicefile") or environment.get("PGSERVICEFILE")
    directory = environment.get("PGSYSCONFDIR") or _SYSTEM_DIRECTORY
    return own or f"{home(environment)}/.pg_service.conf", f"{directory}/pg_service.conf"


def home(environment: Mapping[str, str]) -> str:
    """Return the home in which libpq looks for files."""
    return environment.get("HOME") or _home_of_this_user()


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


def _home_of_this_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return ""  # a container's bare user ID


def _of_service(options: Mapping[str, str]) -> dict[str, str]:
    """Return what the first file that knows the service says of it; nothing where none is asked for."""
    name = service_of(options, os.environ)
    paths = service_files(options, os.environ) if name else ()
    return next(filter(None, (_section(path, f"[{name}]") for path in paths)), {})


def _section(path: str, section: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return dict(_pairs(file, section))
    except OSError:
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
