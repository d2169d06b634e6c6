"""What stdout and stderr are connected to, and writing to them without ever failing a pass."""

import os
import stat
import sys

_JOURNAL_SOCKET = "/run/systemd/journal/stdout"
STDOUT, STDERR = 1, 2


def open_missing_streams() -> None:
    """Fill closed descriptors 0-2, so that no file of ours gets one and is written to as a stream."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while os.open(os.devnull, os.O_RDWR) < STDERR:
            pass


def stdout_is_terminal() -> bool:
    """Tell whether a person reads the results."""
    return sys.stdout is not None and sys.stdout.isatty()


def stdout_columns() -> int | None:
    """Return how many columns a terminal at stdout has; None where there is none."""
    if not stdout_is_terminal():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def stderr_is_terminal() -> bool:
    """Tell whether a person reads the log."""
    return sys.stderr is not None and sys.stderr.isatty()


def stderr_is_screen() -> bool:
    """Tell whether stderr is a terminal that knows more than lines of text."""
    return stderr_is_terminal() and os.environ.get("TERM") not in (None, "", "dumb")


def stderr_wants_colour() -> bool:
    """Tell whether the person who reads the log wants colours (no-color.org)."""
    return stderr_is_screen() and not os.environ.get("NO_COLOR")


def safe(text: object) -> str:
    """Return text from outside with everything escaped that a terminal would obey."""
    value = str(text)
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def stderr_is_journal() -> bool:
    """Tell whether stderr leads to journald; $JOURNAL_STREAM is set by a service manager only."""
    try:
        if not stat.S_ISSOCK(os.fstat(STDERR).st_mode):
            return False
        import socket  # 2 ms, paid only for a socket

        with socket.socket(fileno=os.dup(STDERR)) as stream:
            return stream.family == socket.AF_UNIX and stream.getpeername() == _JOURNAL_SOCKET
    except OSError:
        return False


def write_line(descriptor: int, line: bytes, stall_s: float) -> bool:
    """Write a line under 4 KiB if the descriptor takes it in time; tell whether it is worth another.

    A pipe that polls writable has room for PIPE_BUF (4096) bytes, so the write itself cannot hang.
    """
    if (sys.stdout if descriptor == STDOUT else sys.stderr) is None:
        return False
    try:
        return is_ready(descriptor, stall_s) and os.write(descriptor, line) > 0
    except OSError:
        return False


def is_ready(descriptor: int, stall_s: float | None = 0.0) -> bool:
    """Tell whether a descriptor takes something within a time; None waits for ever. Raise OSError."""
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(None if stall_s is None else stall_s * 1000))


def write_all(descriptor: int, content: bytes) -> None:
    """Write everything, waiting for a slow reader also where the descriptor does not. Raise OSError."""
    while content:
        try:
            content = content[os.write(descriptor, content) :]
        except BlockingIOError:
            is_ready(descriptor, None)
