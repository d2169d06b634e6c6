"""Send messages to one server, each a transaction by itself, and wait no longer than a deadline."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.rules.lease import Instant
from bangui_cli.states.errors import ConfigInvalid, DatabaseBusy, Interrupted, Unavailable
from bangui_cli.store.postgresql import address, faults, wire
from bangui_cli.store.postgresql import statements as sql
from bangui_cli.store.postgresql.wire import Fault, Wire

# Without a timeout: so long one answer may be awaited, and a little less the server may work on it.
_SILENCE_S = 30.0
_SERVER_FIRST_S = 1.0
# An answer that is under way, to a message that was cut short.
_LAST_ANSWER_S = 0.08
_LAST_ANSWER_TO_SIGNAL_S = 0.3
# The process may end as soon as the connection is closed.
_LAST_WORD_S = 0.1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5
_OLDEST_SERVER = 130000

_REPEATABLE = (*faults.TRANSIENT, faults.LATE)
_NOTHING: Mapping[str, Any] = {}


class Session:
    """One connection.

    No transaction is open while the server waits for this process: one that is stopped, slow or gone
    holds nothing. What copies many rows (`copying`) has one, in which it sees no table: that holds
    nothing either, and ends when 30 s go by without a question.
    Every message bounds on the server what it may take there.
    """

    # The server's clock as it was read last, and the monotonic clock of this host then.
    _clock: tuple[Instant, float] | None = None

    def __init__(self, url: str, deadline: Deadline | None = None) -> None:
        """Connect.

        Raise ConfigInvalid, NoDatabase, PermissionRefused, Untrusted, DatabaseBusy or Unavailable.
        """
        self._address = address.parse(url)
        self.path = self._address.shown
        self.deadline = deadline
        self.is_in_doubt = False
        self._read: dict[str, list[Any]] | None = None
        self._wire = self._connect()
        if self._wire.server_version < _OLDEST_SERVER:
            self.close()
            raise ConfigInvalid(
                f"{self.path} runs PostgreSQL {self._wire.server_version // 10000}",
                hint="bangui needs PostgreSQL 13 or later",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hurry(self, within_s: float) -> None:
        """Bound all that is still to be done by a time from now, whatever the deadline was."""
        self.deadline = self._silence(within_s)

    def close(self) -> None:
        """Hang up, and leave nothing of this process running on the server."""
        if self._wire.is_waiting:
            self._wire.cancel(_LAST_WORD_S)
        self._wire.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Ask the same only once.

        Each statement by itself sees one consistent state. A transaction round several of them would
        be open while the server waits for this process.
        """
        self._read = {}
        try:
            yield
        finally:
            self._read = None

    def _connect(self) -> Wire:
        limit, pause_s = self._limit(), _FIRST_PAUSE_S
        crowded: BaseException | None = None
        while True:
            try:
                return wire.connect(self._address.conninfo, limit)
            except Fault as fault:
                state = faults.translate(fault, self._address)
                if not faults.is_crowded(fault) or limit.remaining_s() <= pause_s:
                    raise state from None
                crowded = state
            except BaseException as error:
                if crowded and error is limit.overrun:
                    raise crowded from None
                raise
            clocks.sleep_s(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _limit(self) -> Deadline:
        return self.deadline or self._silence(_SILENCE_S)

    def _silence(self, within_s: float) -> Deadline:
        error = Unavailable(
            f"{self.path} has not answered for {within_s:g} s",
            hint="see whether server and network work; nothing that was reported is lost",
            database=self.path,
        )
        return Deadline(clocks.monotonic_s() + within_s, error)

    def _look(self, statement: str, parameters: Mapping[str, Any] = _NOTHING) -> list[Any]:
        """Return what a reading statement says; in a snapshot, what it has said before."""
        key = f"{statement}\n{parameters}" if parameters else statement
        if self._read is not None and key in self._read:
            return self._read[key]
        rows = self._ask(statement, parameters)
        if self._read is not None:
            self._read[key] = rows
        return rows

    def _write(self, statement: str, parameters: Mapping[str, Any] = _NOTHING) -> list[Any]:
        """Run what changes something, and again where another transaction was in the way.

        A commit that was answered survives a crash of the server, whatever role or database say.
        """
        limit, pause_s = self._limit(), _FIRST_PAUSE_S
        while True:
            try:
                return self._ask(sql.DURABLE + statement, parameters, _REPEATABLE)
            except Fault as fault:
                self._require_another_try(fault, limit, pause_s)
            clocks.sleep_s(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _require_another_try(self, fault: Fault, limit: Deadline, pause_s: float) -> None:
        """Raise what a fault means unless the same statement may succeed now, in time."""
        if fault.sqlstate == faults.LATE and self._clock:
            self._clock = None  # it has been set since, if there is time left
            limit.check()
        elif fault.sqlstate not in faults.TRANSIENT or limit.remaining_s() <= pause_s:
            raise self._translate(fault, limit) from None

    def _ask(
        self, statement: str, parameters: Mapping[str, Any] = _NOTHING, expected: Sequence[str] = ()
    ) -> list[Any]:
        """Send one message and return the rows of its last statement.

        What writes has SQLSTATEs that are `expected`: they are raised as a Fault, all else as a state.
        """
        writes = bool(expected)
        limit = self._limit()
        self._settle(limit)
        limit.check()
        try:
            self._wire.send(self._bounds(limit, writes=writes) + statement, parameters, limit)
            return self._results(limit, writes=writes)
        except Fault as fault:
            self.is_in_doubt |= writes and fault.is_lost
            if fault.sqlstate in expected:
                raise
            raise self._translate(fault, limit) from None

    def _bounds(self, limit: Deadline, *, writes: bool) -> str:
        """Begin a message that the server works on only while there is somebody to tell."""
        left_s = self._server_limit_s(limit)
        bounds = sql.bounded(left_s)
        if writes and self._clock:
            read, at_s = self._clock
            bounds += sql.unless_late(read.wall_s + clocks.monotonic_s() - at_s + left_s)
        return bounds

    def _server_limit_s(self, limit: Deadline) -> float:
        return limit.remaining_s() - (0.0 if self.deadline else _SERVER_FIRST_S)

    def _settle(self, limit: Deadline) -> None:
        """Have an earlier message, from which a signal called away, out of the way."""
        if self._wire.is_waiting:
            self._wire.cancel()
            try:
                self._wire.results(limit)
            except Fault as fault:
                if fault.is_lost:
                    raise self._translate(fault, limit) from None

    def _results(self, limit: Deadline, *, writes: bool) -> list[Any]:
        try:
            return self._wire.results(limit)
        except BaseException as error:
            if error is not limit.overrun:
                self.is_in_doubt |= writes and isinstance(error, Interrupted)
                raise
            return self._last_answer(error, writes=writes)

    def _last_answer(self, error: BaseException, *, writes: bool) -> list[Any]:
        """Learn what has become of a message whose time is over: what was committed counts."""
        is_signal = isinstance(error, Interrupted)
        if is_signal:
            self._wire.cancel()
        wait_s = _LAST_ANSWER_TO_SIGNAL_S if is_signal else _LAST_ANSWER_S
        try:
            return self._wire.results(Deadline(clocks.monotonic_s() + wait_s, error))
        except Fault as fault:
            self.is_in_doubt |= writes and fault.is_lost
        except BaseException:
            self.is_in_doubt |= writes
            raise
        raise error

    def _translate(self, fault: Fault, limit: Deadline) -> BaseException:
        if fault.sqlstate == faults.CANCELLED:
            return self._overrun(limit) or faults.translate(fault, self._address)
        return faults.translate(fault, self._address)

    def _overrun(self, limit: Deadline) -> BaseException | None:
        """Return what to raise where the server has ended a statement in our name, None where not."""
        if self._server_limit_s(limit) > _LAST_ANSWER_S:
            return None
        if self.deadline:
            return limit.overrun
        return DatabaseBusy(
            f"{self.path} was kept busy by others for {_SILENCE_S:g} s",
            hint="try again; who waits for whom: pg_stat_activity",
            database=self.path,
        )
