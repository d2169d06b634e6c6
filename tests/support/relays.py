"""A way to a server that takes its time, or goes silent: a relay on 127.0.0.1."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Relay:
    """Forwards to a socket, each way with a delay; from `silence` to `resume` it keeps all to itself."""

    def __init__(self, target: str, delay_s: float) -> None:
        self.address = ""
        self._target, self._delay_s = target, delay_s
        self._is_silent = False
        self._silent_at: bytes | None = None
        self._kept: list[tuple[Any, bytes | None]] = []
        self.connections = 0
        # How often a client has asked and was answered.
        self.round_trips = 0
        self._writers: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._is_ready.wait()

    def silence(self) -> None:
        """Let nothing through from now on, as a cable that was pulled."""
        self._is_silent = True

    def silence_at(self, text: str) -> None:
        """Go silent with the message that holds a text: it is on its way, and does not arrive."""
        self._silent_at = text.encode()

    @property
    def is_silent(self) -> bool:
        return self._is_silent

    def resume(self) -> None:
        """Let through what came meanwhile, as a network that has come back delivers it."""
        self._loop.call_soon_threadsafe(self._resume)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _resume(self) -> None:
        kept, self._kept = self._kept, []
        self._is_silent, self._silent_at = False, None
        for writer, chunk in kept:
            self._forward(writer, chunk)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._is_ready.set()
        self._loop.run_forever()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _accept(self, reader: Any, writer: Any) -> None:
        self.connections += 1
        there, back = await asyncio.open_unix_connection(self._target)
        self._writers += [back, writer]
        turn = Turn()
        asks, answers = self._pump(reader, back, turn), self._pump(there, writer, turn, is_answer=True)
        with suppress(asyncio.CancelledError):  # it is closed
            await asyncio.gather(asks, answers)

    async def _pump(self, reader: Any, writer: Any, turn: "Turn", *, is_answer: bool = False) -> None:
        while chunk := await reader.read(65536):
            self.round_trips += is_answer and not turn.is_answered
            turn.is_answered = is_answer
            self._loop.call_later(self._delay_s, self._forward, writer, chunk)
        self._loop.call_later(self._delay_s, self._forward, writer, None)

    def _forward(self, writer: Any, chunk: bytes | None) -> None:
        if self._silent_at and chunk and self._silent_at in chunk:
            self._is_silent = True
        if self._is_silent:
            self._kept.append((writer, chunk))
            return
        if chunk is None:
            writer.close()
        else:
            writer.write(chunk)


class Turn:
    """Whose turn it is to speak on one connection."""

    is_answered = True


@contextmanager
def open_relay(server: Any, delay_s: float = 0.0) -> Iterator[Relay]:
    relay = Relay(f"{server.place}/.s.PGSQL.{server.port}", delay_s)
    try:
        yield relay
    finally:
        relay.close()
