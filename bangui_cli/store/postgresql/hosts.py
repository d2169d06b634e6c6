"""Resolve the names of servers where a deadline ends it.

libpq would do so by itself, but psycopg2 lets no thread run meanwhile: neither the watchdog nor a signal
would be heard until the resolver gives up.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.store.postgresql.beside import beside

_LOOK_EVERY_S = 0.05
_NO_ANSWER = OSError(None, "no answer")

Look = Callable[[str], Sequence[str]]
"""Given a name, return its addresses. Raise OSError."""


class Unresolved(Exception):
    """None of the names has an address; says why, as libpq would."""


def resolve(options: Mapping[str, str], deadline: Deadline, look: Look | None = None) -> dict[str, str]:
    """Return options with an address for each name. Raise Unresolved, or the deadline's overrun.

    Where some names have an address, the others are waited for no longer than half of the time.
    """
    hosts = options.get("host", "").split(",")
    names = set(filter(is_name, hosts))
    if options.get("hostaddr") or not names:
        return dict(options)
    answers: dict[str, Sequence[str] | OSError] = {}
    patient_until_s = clocks.monotonic_s() + deadline.remaining_s() / 2
    for done in [beside(partial(_ask, answers, name, look or _look_up)) for name in names]:
        while not done.acquire(timeout=_LOOK_EVERY_S):
            deadline.check()
            if clocks.monotonic_s() > patient_until_s and _has_address(answers):
                break
    known = dict(answers)
    return {**options, **addressed(hosts, options.get("port", "").split(","), partial(_told, known))}


def _ask(answers: dict[str, Sequence[str] | OSError], name: str, look: Look) -> None:
    try:
        answers[name] = look(name)
    except OSError as error:
        answers[name] = error


def _has_address(answers: Mapping[str, Sequence[str] | OSError]) -> bool:
    return any(not isinstance(answer, OSError) for answer in list(answers.values()))


def _told(answers: Mapping[str, Sequence[str] | OSError], name: str) -> Sequence[str]:
    answer = answers.get(name, _NO_ANSWER)
    if isinstance(answer, OSError):
        raise answer
    return answer


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
