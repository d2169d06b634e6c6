"""journald's native socket: an entry for each event, with fields that `journalctl FIELD=value` finds."""

import os
import socket
from typing import NamedTuple

from bangui_cli.host import clocks, terminal

_SOCKET = "/run/systemd/journal/socket"
# A burst of some ninety events finds journald's queue full. So long a run waits for room, in all.
_PATIENCE_S = 0.3


class Entry(NamedTuple):
    """One event as journald keeps it; what is None is left out.

    `outcome` and `exit_code` stand on the last event of a run alone.
    """

    message: str
    priority: int
    event: str
    job: str | None = None
    instance: str | None = None
    correlation_id: str | None = None
    outcome: str | None = None
    exit_code: int | None = None


# The names are an interface: `journalctl BANGUI_JOB=geo_cache_flush`.
FIELDS = (
    "MESSAGE", "PRIORITY", "BANGUI_EVENT", "BANGUI_JOB", "BANGUI_INSTANCE", "BANGUI_CORRELATION_ID",
    "BANGUI_OUTCOME", "BANGUI_EXIT_CODE",
)  # fmt: skip
_HEAD = b"SYSLOG_IDENTIFIER=bangui\n"


class Journal:
    """The journal as one run writes to it; it never waits long and never fails."""

    def __init__(self, path: str = _SOCKET) -> None:
        """Connect; where journald is away, everything that is sent is refused."""
        self._left_s = _PATIENCE_S
        self._socket: socket.socket | None = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.connect(path)
        except OSError:
            self.close()

    def send(self, entry: Entry) -> bool:
        """Send an entry; tell whether journald has taken it."""
        content = _HEAD + b"".join(map(_encode, FIELDS, entry))
        while self._socket:
            try:
                return self._socket.send(content) > 0
            except BlockingIOError:
                if not self._has_room():
                    return False
            except OSError:  # it has gone, and comes back with another socket
                self.close()
        return False

    def close(self) -> None:
        """Let go of the socket; what is sent from now on is refused."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _has_room(self) -> bool:
        """Wait until journald has read something, as long as the run has patience left."""
        assert self._socket
        began_s = clocks.monotonic_s()
        is_ready = self._left_s > 0 and terminal.is_ready(self._socket.fileno(), self._left_s)
        self._left_s -= clocks.monotonic_s() - began_s
        return is_ready


def _encode(name: str, value: str | int | None) -> bytes:
    """Write a field; one of several lines has its length before it (JOURNAL_NATIVE_PROTOCOL)."""
    if value is None:
        return b""
    content = os.fsencode(str(value))
    if b"\n" not in content:
        return b"%s=%s\n" % (name.encode(), content)
    return b"%s\n%s%s\n" % (name.encode(), len(content).to_bytes(8, "little"), content)
