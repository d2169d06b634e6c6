"""One connection to a server, over psycopg2, which is known here alone.

It is used asynchronously: every wait is a poll here, which a deadline or a signal ends. A message may
hold several statements; the server makes one transaction of it, and answers for the last.
"""

import select
from collections.abc import Callable, Mapping
from typing import Any

import psycopg2
from psycopg2 import _psycopg, extensions
from psycopg2.extensions import make_dsn, parse_dsn

from bangui_cli.host.deadline import Deadline
from bangui_cli.store.postgresql import hosts
from bangui_cli.store.postgresql.beside import beside

# So often a wait looks at its deadline, which a signal may have cut short.
_LOOK_EVERY_S = 0.05
# How libpq writes an error with its SQLSTATE.
_VERBOSE = 2
_WORDS_BYTES = 256
_NO_SOCKET = "/dev/null/none"
# How libpq begins to tell that nobody answers.
_OF_THE_WAY = ("connection to server", "could not connect")


class Fault(Exception):
    """What the server or libpq says of a failure, with its SQLSTATE if there is one."""

    def __init__(self, sqlstate: str | None, words: str, *, is_lost: bool = False) -> None:
        super().__init__(words)
        self.sqlstate = sqlstate
        self.words = words
        # Whether there is no connection any more, so that nobody knows what became of the message.
        self.is_lost = is_lost


class Unconnectable(Fault):
    """No server let it in; or none `was_asked`, since libpq can make nothing of the address."""

    def __init__(self, sqlstate: str | None, words: str, *, was_asked: bool) -> None:
        super().__init__(sqlstate, words, is_lost=True)
        self.was_asked = was_asked


class Wire:
    """An open connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._cursor: Any = None
        # Free once the server has heard what it was asked to stop.
        self._heard: Any = None

    @property
    def server_version(self) -> int:
        """Return the version of the server, 150018 for 15.18."""
        return int(self._connection.server_version)

    @property
    def is_waiting(self) -> bool:
        """Tell whether the answer to a message is still to come."""
        return not self._connection.closed and bool(self._connection.isexecuting())

    def send(self, message: str, parameters: Mapping[str, Any], deadline: Deadline) -> None:
        """Send a message; nothing may be on its way. Raise Fault, or the deadline's overrun."""
        self._await_cancel(deadline)
        try:
            self._cursor = self._connection.cursor()
            self._cursor.execute(message, parameters)
        except psycopg2.Error as error:
            raise self._fault(error) from None

    def results(self, deadline: Deadline) -> list[Any]:
        """Wait for the answer, and return its rows. Raise Fault, or the deadline's overrun."""
        try:
            self.settle(deadline)
            return list(self._cursor.fetchall()) if self._cursor.description else []
        except psycopg2.Error as error:
            raise self._fault(error) from None

    def settle(self, deadline: Deadline) -> None:
        """Wait until nothing is on its way. Raise psycopg2.Error, or the deadline's overrun."""
        events = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}
        while (state := self._connection.poll()) != extensions.POLL_OK:
            # libpq changes the socket when it goes on to another host.
            poll = select.poll()
            poll.register(self._connection.fileno(), events[state])
            # Asked too early, it takes a connection that is being made for one that stands.
            while not poll.poll(min(deadline.remaining_s(), _LOOK_EVERY_S) * 1000):
                deadline.check()
            deadline.check()  # an answer may come in drops, and never pause

    def _await_cancel(self, deadline: Deadline) -> None:
        """Wait until what was to be stopped is: a request that comes late stops what is sent next."""
        while self._heard and not self._heard.acquire(timeout=_LOOK_EVERY_S):
            deadline.check()
        self._heard = None

    def cancel(self, within_s: float = 0.0) -> None:
        """Ask the server to stop, and wait so long for that to be heard: it has its own connection.

        A request that is on its way is not overtaken: one that nobody knows of would stop what is sent
        next.
        psycopg2 would keep all threads from running until the server has answered, if it ever does.
        """
        import ctypes

        library = _library()
        if library is None or self._connection.closed:
            return  # what is left of the message's own time bounds it
        if not (self._heard and self._heard.locked()):
            library.PQgetCancel.restype = ctypes.c_void_p
            request = ctypes.c_void_p(library.PQgetCancel(ctypes.c_void_p(self._connection.pgconn_ptr)))
            words = ctypes.create_string_buffer(_WORDS_BYTES)
            self._heard = beside(lambda: library.PQcancel(request, words, _WORDS_BYTES))
        if self._heard.acquire(timeout=within_s):
            self._heard = None

    def close(self) -> None:
        """Hang up; what has been sent, the server may still do."""
        self._connection.close()

    def _fault(self, error: psycopg2.Error) -> Fault:
        # A detail would quote the row.
        words = error.diag.message_primary or _first_line(str(error))
        return Fault(error.pgcode, words, is_lost=bool(self._connection.closed))


def connect(conninfo: str, deadline: Deadline) -> Wire:
    """Connect to a server. Raise Unconnectable, or the deadline's overrun.

    A server that refuses says why in its own language, and libpq passes on the words alone. It is
    asked once more, then, in such a way that the code stands in them.
    """
    conninfo = _resolved(conninfo, deadline)
    try:
        return _connect(conninfo, deadline, lambda _: None)
    except Unconnectable as fault:
        if not fault.was_asked:
            raise
    return _connect(conninfo, deadline, _want_codes)


def _connect(conninfo: str, deadline: Deadline, prepare: Callable[[Any], None]) -> Wire:
    connection = _begin(conninfo)
    try:
        prepare(connection)
        wire = Wire(connection)
        wire.settle(deadline)
    except psycopg2.Error as error:
        words = "no password supplied" if _lacks_password(connection) else _first_line(str(error))
        raise Unconnectable(_code_in(str(error)), _without_code(words), was_asked=True) from None
    return wire


def _resolved(conninfo: str, deadline: Deadline) -> str:
    try:
        return str(make_dsn(**hosts.resolve(parse_dsn(conninfo), deadline)))
    except hosts.Unresolved as reason:
        words = _objection_to(conninfo) or str(reason)
        raise Unconnectable(None, words, was_asked=False) from None


def _objection_to(conninfo: str) -> str | None:
    """Return what libpq says of an address itself, which it looks at before it resolves a name."""
    port = parse_dsn(conninfo).get("port", "").partition(",")[0]
    try:
        _begin(make_dsn(conninfo, host=_NO_SOCKET, port=port)).close()
    except Unconnectable as fault:
        return None if fault.words.startswith(_OF_THE_WAY) else fault.words
    return None


def _begin(conninfo: str) -> Any:
    """Begin to connect: that waits for nothing, since no name is to be resolved any more."""
    try:
        return psycopg2.connect(conninfo, async_=1)
    except psycopg2.Error as error:
        raise Unconnectable(None, _first_line(str(error)), was_asked=False) from None


def _want_codes(connection: Any) -> None:
    """Let libpq write SQLSTATEs into its messages: psycopg2 does not hand them over by themselves."""
    import ctypes

    library = _library()
    if library:  # else the words alone must do
        library.PQsetErrorVerbosity(ctypes.c_void_p(connection.pgconn_ptr), _VERBOSE)


def _library() -> Any:
    """Return the libpq under psycopg2, for what that does not hand on; None if it is out of reach."""
    import ctypes

    try:
        library = ctypes.CDLL(_psycopg.__file__)
        library.PQgetCancel, library.PQcancel, library.PQsetErrorVerbosity  # noqa: B018
    except (AttributeError, OSError):
        return None
    return library


def _lacks_password(connection: Any) -> bool:
    try:
        return bool(connection.info.needs_password)
    except psycopg2.Error:
        return False


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _code_in(text: str) -> str | None:
    """Return the last SQLSTATE in words of libpq: of several hosts the last one counts."""
    codes = [part for part in text.split(": ") if _is_code(part.strip())]
    return codes[-1].strip() if codes else None


def _is_code(text: str) -> bool:
    return len(text) == 5 and text.isalnum() and text.upper() == text and not text.isalpha()


def _without_code(words: str) -> str:
    return ": ".join(part for part in words.split(": ") if not _is_code(part.strip()))
