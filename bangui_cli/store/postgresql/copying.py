"""Copy what a statement says, so that it can be read when nobody waits for it any more.

Who reads what is asked for may be slow, and would keep the server from clearing dead rows all that time.
So it goes through a temporary file.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from bangui_cli.rules.rereading import Copied
from bangui_cli.states import errors
from bangui_cli.store.ban_questions import Fetch, Parameters

_PAGE_ROWS = 5_000
# The one transaction that is open between messages: it locks no row, and ends where its client does not
# ask on.
_BEGIN = """
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = '30s';"""
# The plan is to be for all rows.
_DECLARE = """
SET LOCAL cursor_tuple_fraction = 1;
DECLARE copied CURSOR FOR"""
_NEXT = f"FETCH FORWARD {_PAGE_ROWS} FROM copied"
_END = "COMMIT"


class Copies:
    """The copies of one connection, in files without a name."""

    def __init__(self, ask: Fetch) -> None:
        self._ask = ask
        self._files: list[IO[str]] = []

    def make(self, statement: str, parameters: Parameters) -> Copied[Sequence[Any]]:
        """Copy the rows of a statement, in their order."""
        with _naming_states():
            file = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115
            self._files.append(file)
            count = sum(_write(file, page) for page in self._pages(statement, parameters))
        return Copied(lambda: _read(file), count)

    def close(self) -> None:
        """Give all of them up."""
        for file in self._files:
            file.close()

    def _pages(self, statement: str, parameters: Parameters) -> Iterator[list[Any]]:
        """Return the rows in pages, of one state; what fills no page takes one message, as all else."""
        first = f"{_DECLARE} {statement};\n{_NEXT}"
        page = self._ask(first, parameters)
        if len(page) == _PAGE_ROWS:
            yield from self._all_pages(first, parameters)
        else:
            yield page

    def _all_pages(self, first: str, parameters: Parameters) -> Iterator[list[Any]]:
        page = self._ask(_BEGIN + first, parameters)
        while len(page) == _PAGE_ROWS:
            yield page
            page = self._ask(_NEXT, {})
        yield page
        self._ask(_END, {})


def _write(file: IO[str], page: Sequence[Sequence[Any]]) -> int:
    file.writelines(f"{json.dumps(row)}\n" for row in page)
    return len(page)


def _read(file: IO[str]) -> Iterator[Sequence[Any]]:
    with _naming_states():
        file.seek(0)
        yield from map(json.loads, file)


@contextmanager
def _naming_states() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise errors.of_os_error(error, "cannot copy into a temporary file") from None
