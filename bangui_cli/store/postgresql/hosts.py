"""Resolve the names of servers where a deadline ends it.

libpq would do so by itself, but psycopg2 lets no thread run meanwhile: neither the watchdog nor a signal
would be heard until the resolver gives up.
"""

from collections.abc import Callable, Mapping, Sequence

from bangui_cli.host.deadline import Deadline
from bangui_cli.store.postgresql.beside import beside

_LOOK_EVERY_S = 0.05

Look = Callable[[str], Sequence[str]]
"""Given a name, return its addresses. Raise OSError."""


class Unresolved(Exception):
    """None of the names has an address; says why, as libpq would."""


def resolve(options: Mapping[str, str], deadline: Deadline) -> dict[str, str]:
    """Return options with an address for each name. Raise Unresolved, or the deadline's overrun."""
    hosts = options.get("host", "").split(",")
    if options.get("hostaddr") or not any(map(is_name, hosts)):
        return dict(options)
    ended: list[dict[str, str] | Unresolved] = []

    def look() -> None:
        try:
            ended.append({**options, **addressed(hosts, options.get("port", "").split(","), _look_up)})
        except Unresolved as unresolved:
            ended.append(unresolved)

    done = beside(look)
    while not done.acquire(timeout=_LOOK_EVERY_S):
        deadline.check()
    if isinstance(ended[0], Unresolved):
        raise ended[0]
    return ended[0]


def is_name(host: str) -> bool:
    """Tell whether a host is to be looked up: no socket, and no address."""
    return host[:1] not in ("", "/", "@") and ":" not in host and not host.replace(".", "").isdigit()


def addressed(hosts: Sequence[str], ports: Sequence[str], look: Look) -> dict[str, str]:
    """Return the options that name each address of each host in turn; nothing where they do not fit.

    A name without an address is passed over. Raise Unresolved where none is left.
    """
    if len(ports) not in (1, len(hosts)):
        return {}  # libpq says so
    rows: list[tuple[str, str, str]] = []
    reasons: list[str] = []
    for number, host in enumerate(hosts):
        port = ports[number % len(ports)]
        try:
            rows += [(host, address, port) for address in (look(host) if is_name(host) else [""])]
        except OSError as error:
            reasons.append(f'could not translate host name "{host}" to address: {error.strerror}')
    if not rows:
        raise Unresolved(reasons[-1])
    return {key: ",".join(row[n] for row in rows) for n, key in enumerate(("host", "hostaddr", "port"))}


def _look_up(host: str) -> list[str]:
    import _socket

    found = _socket.getaddrinfo(host.encode(), None, 0, _socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
