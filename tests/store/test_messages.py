"""Messages to a server: what is waited for, and for how long, whatever comes meanwhile."""

import _thread
import socket

import pytest
from psycopg2 import extensions
from servers import OnServer

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.store.postgresql import wire
from bangui_cli.store.postgresql.wire import Wire


class Trickle:
    """An answer of which there is always a little more to read, a hundred times."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._far.send(b"x")
        self.polls = 0
        self.fileno = self._near.fileno

    def poll(self) -> int:
        self.polls += 1
        return extensions.POLL_READ if self.polls < 100 else extensions.POLL_OK

    def close(self) -> None:
        self._near.close()
        self._far.close()


@pytest.fixture
def trickle():
    connection = Trickle()
    yield connection
    connection.close()


def test_an_answer_that_trickles_is_waited_for_no_longer_than_one_that_pauses(trickle: Trickle):
    """On a slow link there may always be a byte to read."""
    with pytest.raises(TimeoutError):
        Wire(trickle).settle(Deadline(clocks.monotonic_s() - 1, TimeoutError()))

    assert trickle.polls == 1


def test_an_answer_that_trickles_in_time_is_read(trickle: Trickle):
    """All of it."""
    Wire(trickle).settle(Deadline(clocks.monotonic_s() + 60, TimeoutError()))

    assert trickle.polls == 100


def test_a_request_to_stop_that_is_on_its_way_is_not_overtaken(on_server: OnServer, monkeypatch):
    """Nobody would wait for the first one, which could stop the next message."""
    begun = []

    def hang(work):
        begun.append(_thread.allocate_lock())
        begun[-1].acquire()
        return begun[-1]

    monkeypatch.setattr(wire, "beside", hang)
    limit = Deadline(clocks.monotonic_s() + 30, TimeoutError())
    connection = wire.connect(on_server.url, limit)
    connection.cancel()
    connection.cancel()
    assert len(begun) == 1

    begun[0].release()
    connection.cancel()
    connection.close()
    assert len(begun) == 2
