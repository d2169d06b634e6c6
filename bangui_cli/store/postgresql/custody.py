"""Whose the files are that libpq obeys: they say which server is asked, and who vouches for it."""

import os
from collections.abc import Iterator, Mapping

from bangui_cli.host import trust
from bangui_cli.store.postgresql import surroundings

_WAY_OUT = "keep it in /etc/bangui, and name it there"
# What libpq takes for the certificates of the host.
_OF_THE_HOST = "system"


def require(options: Mapping[str, str]) -> None:
    """As root, let nobody else choose the server, given what the address says. Raise Untrusted.

    A pass file is not among them: it holds what the server is shown, and libpq wants it 0600.
    """
    if os.geteuid() == trust.ROOT_ID:
        for path in filter(os.path.exists, obeyed(options, os.environ)):
            trust.require_own_hands(path, way_out=_WAY_OUT)


def obeyed(options: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the paths of what libpq would obey, if it is there, by its own rules."""
    if surroundings.service_of(options, environment):
        yield from surroundings.service_files(options, environment)
    root = options.get("sslrootcert") or environment.get("PGSSLROOTCERT")
    if root != _OF_THE_HOST:
        yield root or f"{surroundings.home(environment)}/.postgresql/root.crt"
