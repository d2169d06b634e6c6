"""Read fail2ban's database as the user whose it is, where that is not root: in a child of root's."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from bangui_cli.host import trust
from bangui_cli.states.errors import DatabaseCorrupt

_FOUND, _REFUSED = "found", "refused"


def owner_of(path: str) -> tuple[int, int] | None:
    """Return whose file it is, and of what group, if root reads another user's; None else."""
    if os.geteuid() != trust.ROOT_ID:
        return None
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return None if status.st_uid == trust.ROOT_ID else (status.st_uid, status.st_gid)


@contextmanager
def asking(
    path: str, owner: tuple[int, int], open_reading: Callable[[], AbstractContextManager[Any]]
) -> Iterator[Callable[..., Any]]:
    """Yield what calls a method of a reading that a child opens as the owner.

    Raise what that raises, and DatabaseCorrupt where the child dies of it.
    """
    from bangui_cli.host.errand import Ended, Errand

    with Errand(lambda: _answering(open_reading), owner) as errand:

        def ask(method: str, *arguments: Any) -> Any:
            try:
                outcome, value = errand.ask((method, arguments))
            except Ended as error:
                raise died(path, error) from None
            if outcome == _REFUSED:
                raise _revived(*value)
            return as_bytes(value)

        ask("require_tables")
        yield ask


@contextmanager
def _answering(open_reading: Callable[[], AbstractContextManager[Any]]) -> Iterator[Callable[..., Any]]:
    with open_reading() as reading:

        def answer(question: tuple[str, tuple[Any, ...]]) -> Any:
            method, arguments = question
            try:
                return _FOUND, getattr(reading, method)(*arguments)
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", 0)
                return _REFUSED, (type(error).__name__, str(error), code)

        yield answer


def _revived(kind: str, words: str, code: int) -> sqlite3.Error:
    """Return the error of SQLite that was raised in the child."""
    error: sqlite3.Error = getattr(sqlite3, kind)(words)
    error.sqlite_errorcode = code
    return error


def as_bytes(value: Any) -> Any:
    """Make rows of what JSON made lists, and bytes of its texts: no value of the database is a text."""
    if isinstance(value, list):
        return tuple(map(as_bytes, value))
    return value.encode("latin-1") if isinstance(value, str) else value


def died(path: str, error: Exception) -> DatabaseCorrupt:
    """Say that a child did not survive what it read."""
    return DatabaseCorrupt(
        f"the process that reads {path} gave no answer: {error}",
        hint="if that comes again, stop fail2ban and move the file aside",
        path=path,
    )
