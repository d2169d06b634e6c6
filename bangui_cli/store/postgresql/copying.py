"""Copy what a statement says, so that it can be read when nobody waits for it any more.

Who reads what is asked for may be slow, or stand still. So the server works out all of a long answer,
and lets go of the tables before its first row leaves; and the answer goes through a temporary file here,
at once, whoever reads that.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from bangui_cli.rules.rereading import Copied
from bangui_cli.states import errors
from bangui_cli.store.ban_questions import Fetch, Parameters

# So few are on their way before anybody could stop: the network holds them. Where there are no more, one
# message is all, as elsewhere; where there are, what comes first was worked out for nothing.
_FEW_ROWS = 500
_TRY = "DECLARE few CURSOR FOR"
_TRIED = f"FETCH FORWARD {_FEW_ROWS + 1} FROM few"
_PAGE_ROWS = 5_000
# A cursor that is held outlives the transaction in which it is made, and needs no snapshot and no table.
# To go through it first is what `statement_timeout` bounds: a COMMIT it does not.
# A run that was called away in between may have left its cursor in the session of a pooler.
_HOLD = """
CLOSE ALL;
BEGIN READ ONLY;
SET LOCAL cursor_tuple_fraction = 1;
DECLARE copied SCROLL CURSOR WITH HOLD FOR"""
_HELD = """
MOVE FORWARD ALL IN copied;
MOVE ABSOLUTE 0 IN copied;
COMMIT;
"""
# The one transaction that is open between messages, so that a pooler leaves the session to this process.
# It touches no table; where its client does not read on, or not at all, the server ends it.
_BEGIN = """BEGIN READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = '30s';
SET LOCAL tcp_user_timeout = '30s';
"""
_NEXT = f"FETCH FORWARD {_PAGE_ROWS} FROM copied"
_END = "CLOSE copied; COMMIT"


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
        """Return the rows in pages, of one state; a few take one message, as all else."""
        few = self._ask(f"{_TRY} {statement};\n{_TRIED}", parameters)
        if len(few) <= _FEW_ROWS:
            yield few
            return
        page = self._ask(f"{_HOLD} {statement};{_HELD}{_BEGIN}{_NEXT}", parameters)
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
