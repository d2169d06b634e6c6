"""A child that keeps the rights of now, to read fail2ban's database for a process that gives its own up.

How far to read is known only from a database that is opened without them. The child takes nothing but
marks, and each says only where a table is to be read on.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

from bangui_cli.fail2ban.bans import Page, read_page
from bangui_cli.rules import watermark
from bangui_cli.rules.watermark import Mark
from bangui_cli.states import errors
from bangui_cli.states.errors import BanguiError, IoFailed

_PAGE, _STATE, _WITHHELD = "page", "state", "withheld"


class Deputy:
    """Reads one database, a page at a time, until it is let go or its process ends."""

    def __init__(self, path: str) -> None:
        orders, own_orders = os.pipe()
        own_answers, answers = os.pipe()
        self._path = path
        self._pid = os.fork()
        if self._pid == 0:
            os.close(own_orders)
            os.close(own_answers)
            _serve(path, orders, answers)
        os.close(orders)
        os.close(answers)
        self._orders = os.fdopen(own_orders, "wb")
        self._answers = os.fdopen(own_answers, "rb")

    def read_page(self, mark: Mark) -> Page:
        """Return what `bans.read_page` does, and raise what it raises."""
        try:
            _send(self._orders, watermark.pack(mark))
            kind, value = json.loads(self._answers.readline())
        except (BrokenPipeError, ValueError):
            raise IoFailed(f"what reads {self._path} has ended", path=self._path) from None
        if kind == _PAGE:
            return _unpack(*value)
        if kind == _WITHHELD:
            raise OSError(*value)
        name, error, hint, fields = value
        raise getattr(errors, name)(error, hint=hint, **fields)

    def dismiss(self) -> None:
        """Let it go."""
        self._orders.close()
        self._answers.close()
        os.waitpid(self._pid, 0)


@contextmanager
def appointed(path: str) -> Iterator[Deputy]:
    """Have a database read by a child that keeps the rights of now."""
    deputy = Deputy(path)
    try:
        yield deputy
    finally:
        deputy.dismiss()


def _serve(path: str, orders: int, answers: int) -> NoReturn:
    try:
        # The process that it serves ends by them, and this one then.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        with open(orders, "rb") as marks, open(answers, "wb") as pages:
            for order in marks:
                _send(pages, _answer(path, watermark.unpack(json.loads(order))))
    finally:
        os._exit(0)


def _answer(path: str, mark: Mark) -> tuple[str, Any]:
    try:
        return _PAGE, _pack(read_page(path, mark))
    except BanguiError as state:
        return _STATE, (type(state).__name__, state.error, state.hint, state.fields)
    except OSError as error:
        return _WITHHELD, (error.errno, error.strerror)


def _pack(page: Page) -> tuple[list[list[Any]], str, bool]:
    """Return a page as JSON can hold it: its texts are bytes of any kind."""
    bans = [
        [value.decode("latin-1") if isinstance(value, bytes) else value for value in row]
        for row in page.bans
    ]
    return bans, watermark.pack(page.mark), page.is_last


def _unpack(bans: list[list[Any]], mark: str, is_last: bool) -> Page:
    raws: list[Any] = [
        tuple(value.encode("latin-1") if isinstance(value, str) else value for value in row)
        for row in bans
    ]
    return Page(raws, watermark.unpack(mark), is_last)


def _send(pipe: BinaryIO, value: Any) -> None:
    """Send one line: JSON has no newline of its own."""
    pipe.write(json.dumps(value).encode() + b"\n")
    pipe.flush()
