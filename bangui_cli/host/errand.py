"""A child that answers questions as another user, or with the rights of now when they are given up.

For what root wants of a file that another user could change: whoever leads one of the two astray gains
that user's rights and no more. What either says is text, to be taken like any from outside.
"""

import json
import os
import resource
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NoReturn, Self

from bangui_cli.host import children, identity, vitals
from bangui_cli.states import errors
from bangui_cli.states.errors import BanguiError

_LENGTH_BYTES = 8
_LONGEST_ANSWER_BYTES = 256 * 2**20
_CPU_LIMIT_S = 60
_HIGHEST_DESCRIPTOR = 2**16
_DONE, _FAILED = "done", "failed"
_BYTES = "bytes"

# Answers a question with what JSON can carry, bytes as texts of as many characters; raises a state.
Answer = Callable[[Any], Any]
# Gets ready, and gives what answers.
Preparation = Callable[[], AbstractContextManager[Answer]]


class Ended(Exception):
    """The child is gone, or says what is no answer."""


class Errand:
    """Asks the child; a context manager. `user` are the IDs of a user and of its group."""

    def __init__(
        self,
        prepare: Preparation,
        user: tuple[int, int] | None = None,
        cpu_limit_s: int = _CPU_LIMIT_S,
    ) -> None:
        """Start it; getting ready, it becomes that user. Past the limit it is gone. Raise OSError."""
        children.load_prctl()
        self._work = ExitStack()
        hears, self._asks = os.pipe()
        self._hears, answers = os.pipe()
        parent = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            _go(parent, prepare, user, cpu_limit_s, hears, answers)
        os.close(hears)
        os.close(answers)

    def __enter__(self) -> Self:
        self._work.enter_context(vitals.helped_by(self._child))
        return self

    def __exit__(self, *_: object) -> None:
        with self._work:
            os.close(self._asks)
            os.close(self._hears)
            try:
                os.kill(self._child, signal.SIGKILL)
            except PermissionError:
                pass  # this process has given up its rights; the child ends, since it hears no more
            os.waitpid(self._child, 0)

    def ask(self, question: Any) -> Any:
        """Return the answer. Raise the state that it failed in, or Ended."""
        try:
            _send(self._asks, _packed(question))
            outcome, *words = json.loads(_receive(self._hears))
            if outcome == _DONE:
                return words[0]
            failure = _revived(*words)
        except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise Ended(str(error)) from None
        raise failure


def _revived(kind: str, error: str, hint: str, fields: dict[str, Any]) -> BanguiError:
    state: type[BanguiError] = getattr(errors, kind)
    if not issubclass(state, BanguiError):
        raise TypeError(kind)
    return state(str(error), hint=str(hint), **fields)


def _packed(question: Any) -> bytes:
    """Return a question as JSON. Raise TypeError for what is neither JSON's nor bytes."""

    def pack(value: object) -> dict[str, str]:
        if not isinstance(value, bytes):
            raise TypeError(type(value).__name__)
        return {_BYTES: value.decode("latin-1")}

    return json.dumps(question, default=pack).encode()


def _unpacked(found: dict[str, Any]) -> Any:
    return found[_BYTES].encode("latin-1") if found.keys() == {_BYTES} else found


def _send(descriptor: int, content: bytes) -> None:
    rest = memoryview(len(content).to_bytes(_LENGTH_BYTES) + content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _receive(descriptor: int) -> bytes:
    length = int.from_bytes(_read(descriptor, _LENGTH_BYTES))
    if length > _LONGEST_ANSWER_BYTES:
        raise ValueError("it has no end")
    return _read(descriptor, length)


def _read(descriptor: int, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        piece = os.read(descriptor, min(length - len(content), 2**20))
        if not piece:
            raise ValueError("it broke off")
        content += piece
    return bytes(content)


# In the child.


def _go(
    parent: int,
    prepare: Preparation,
    user: tuple[int, int] | None,
    cpu_limit_s: int,
    hears: int,
    answers: int,
) -> NoReturn:
    try:
        children.leave_parents_world()
        _keep_only(hears, answers)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit_s, cpu_limit_s + 1))
        with ExitStack() as held:
            answer = _get_ready(held, parent, prepare, user)
            while True:
                question = json.loads(_receive(hears), object_hook=_unpacked)
                _send(answers, _outcome(answer, question))
    finally:
        os._exit(0)


def _keep_only(hears: int, answers: int) -> None:
    """Close what else of the parent's is open; the three streams lead nowhere."""
    low, high = sorted((hears, answers))
    os.closerange(3, low)
    os.closerange(low + 1, high)
    os.closerange(high + 1, _HIGHEST_DESCRIPTOR)
    for stream in range(3):
        os.dup2(hears, stream)


def _get_ready(
    held: ExitStack, parent: int, prepare: Preparation, user: tuple[int, int] | None
) -> Answer:
    """Return what answers; what could not be made ready is the answer to whatever is asked."""
    try:
        if user:
            identity.take(*user)
        children.die_with(parent)  # to become another user would undo that
        return held.enter_context(prepare())
    except Exception as error:
        return _failing(error)


def _failing(error: Exception) -> Answer:
    def answer(_: Any) -> Any:
        raise error

    return answer


def _outcome(answer: Answer, question: Any) -> bytes:
    try:
        return json.dumps([_DONE, answer(question)], default=_as_text).encode()
    except Exception as error:
        failure = errors.explain(error)
        state = errors.named(error)
        kind = type(state).__name__ if isinstance(state, BanguiError) else errors.Unavailable.__name__
        return json.dumps(
            [_FAILED, kind, failure.error, failure.hint, failure.fields], default=_as_text
        ).encode()


def _as_text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
