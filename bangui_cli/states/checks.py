"""What a check says, and what all of them say together."""

from collections.abc import Iterable
from typing import NamedTuple

from bangui_cli.states import exit_codes
from bangui_cli.states.errors import BanguiError

OK, WARNING, ERROR = "ok", "warning", "error"
_BY_WEIGHT = (OK, WARNING, ERROR)


class Check(NamedTuple):
    """One check: what was found, and what to do about it.

    `exit_code` is that of the state behind an error. The names are an interface.
    """

    name: str
    verdict: str
    detail: str
    remedy: str | None = None
    exit_code: int = exit_codes.DONE


def ok(name: str, detail: str) -> Check:
    """Find nothing wrong."""
    return Check(name, OK, detail)


def warning(name: str, detail: str, remedy: str) -> Check:
    """Find what works now and may not tomorrow."""
    return Check(name, WARNING, detail, remedy)


def error(name: str, detail: str, remedy: str, exit_code: int) -> Check:
    """Find what does not work."""
    return Check(name, ERROR, detail, remedy, exit_code)


def failed(name: str, state: BanguiError) -> Check:
    """Find the state in which a command would fail."""
    return error(name, state.error, state.hint, state.exit_code)


def overall(checks: Iterable[Check]) -> str:
    """Return the worst verdict."""
    return max((check.verdict for check in checks), key=_BY_WEIGHT.index, default=OK)


def exit_code(checks: Iterable[Check]) -> int:
    """Return the code of the first error: the checks stand in the order in which faults follow."""
    return next((check.exit_code for check in checks if check.verdict == ERROR), exit_codes.DONE)
