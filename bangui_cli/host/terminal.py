"""What stdout and stderr are connected to, and writing to them without ever failing a pass."""

import os
import stat
import sys

from bangui_cli.host import vitals
from bangui_cli.states.errors import Unavailable

_JOURNAL_SOCKET = "/run/systemd/journal/stdout"
STDOUT, STDERR = 1, 2
_USUAL_COLUMNS = 80


def open_missing_streams() -> None:
    """Fill closed descriptors 0-2, so that no file of ours gets one and is written to as a stream.

    Raise Unavailable.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    try:
        while os.open(os.devnull, os.O_RDWR) < STDERR:
            pass
    except FileNotFoundError:
        raise Unavailable(
            f"{os.devnull} is missing, and a standard stream is closed",
            hint=f"mount /dev, or: mknod -m 666 {os.devnull} c 1 3",
        ) from None


def stdin_is_terminal() -> bool:
    """Tell whether a person types the input."""
    return sys.stdin is not None and sys.stdin.isatty()


def stdout_is_terminal() -> bool:
    """Tell whether a person reads the results."""
    return sys.stdout is not None and sys.stdout.isatty()


def stderr_is_terminal() -> bool:
    """Tell whether a person reads the log."""
    return sys.stderr is not None and sys.stderr.isatty()


def stdout_columns() -> int | None:
    """Return the width that the results are read in, None where that is no terminal's."""
    if not stdout_is_terminal():
        return None
    asked = os.environ.get("COLUMNS", "")
    if asked.isascii() and asked.isdigit() and 0 < len(asked) < 5 and int(asked):
        return int(asked)
    return os.get_terminal_size(STDOUT).columns or _USUAL_COLUMNS


def stderr_is_screen() -> bool:
    """Tell whether stderr is a terminal that knows more than lines of text."""
    return stderr_is_terminal() and _knows_more_than_lines()


def stderr_wants_colour() -> bool:
    """Tell whether the person who reads the log wants colours (no-color.org)."""
    return stderr_is_screen() and not os.environ.get("NO_COLOR")


def stdout_wants_colour() -> bool:
    """Tell whether the person who reads the results wants colours, by the rules of the log."""
    return stdout_is_terminal() and _knows_more_than_lines() and not os.environ.get("NO_COLOR")


def _knows_more_than_lines() -> bool:
    return os.environ.get("TERM") not in (None, "", "dumb")


def restore_screen() -> None:
    """Clear the line of a progress bar that nobody will finish, and show the cursor that it hides."""
    if stderr_is_screen():
        write_line(STDERR, b"\r\x1b[K\x1b[?25h", 0.0)


def safe(text: object) -> str:
    """Return text from outside with everything escaped that a terminal would obey."""
    value = str(text)
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def safe_lines(content: bytes) -> bytes:
    """Return lines of UTF-8 with what a terminal would obey in them written as JSON writes it."""
    from bangui_cli.rules.json_text import escape

    text = content.decode(errors="replace")
    return "".join(c if c.isprintable() or c == "\n" else escape(c) for c in text).encode()


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
            with vitals.patience_with(descriptor):
                content = content[os.write(descriptor, content) :]
        except BlockingIOError:
            with vitals.patience():
                is_ready(descriptor, None)
