"""Read an installed schedule back: what it starts, as whom, and with what it was given."""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from bangui_cli.scheduling.crontab import unquote
from bangui_cli.scheduling.formats import CRON, Format
from bangui_cli.scheduling.plan import LIBPQ_VARIABLES, ROOT, File
from bangui_cli.scheduling.program import LONGEST_COMMAND, MOST_COMMANDS, split_words
from bangui_cli.scheduling.runner import oneself
from bangui_cli.scheduling.tasks import TASKS, Task

# What a crontab may hold besides the lines that start something: nothing, a comment, a variable.
_NO_START = re.compile(r"\s*(#.*|[A-Za-z_]\w*\s*=.*|)")
_BLOCK = re.compile(r"# (\w+): every ")
_START = re.compile(r"\s*((?:[-*/,\w]+\s+){5}|@\w+\s+)(.*)")
_BEFORE_COMMAND = re.compile(r"(?:.*\|\||sleep \d+;)\s*")
_BY_ID = {task.id: task for task in TASKS}
_BY_UNIT = {task.unit: task for task in TASKS}
_COMMANDS = frozenset(task.command for task in TASKS)


class Started(NamedTuple):
    """One line of a schedule: what it starts, as whom, and the words, those of bangui itself first."""

    task: Task | None
    user: str
    words: tuple[str, ...]
    variables: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """Return the words that start bangui."""
        is_command = (number for number, word in enumerate(self.words) if number and word in _COMMANDS)
        return self.words[: next(is_command, 1)]

    def value(self, option: str) -> str | None:
        """Return what an option was given, None without it."""
        follows = zip(self.words, self.words[1:], strict=False)
        return next((value for word, value in follows if word == option), None)


def read(format_: Format, files: Sequence[File]) -> list[Started]:
    """Return what the files start."""
    owner = oneself().name if format_.is_own else ROOT
    found: list[Started] = []
    for file in files:
        if format_.name == CRON.name:
            found += _of_crontab(file.text, None if not format_.is_own else owner)
        elif file.path.endswith(".service"):
            found += _of_unit(file, owner)
    return found


def lines_not_for_cron(text: str) -> list[str]:
    """Return the lines that cron would not take, for one of which it ignores the whole file."""
    return [
        line for line in _lines(text) if not _NO_START.fullmatch(line) and not _START.fullmatch(line)
    ]


def _lines(text: str) -> Iterator[str]:
    """Return as much as cron would take of what may be anything; the rest shows where it is compared."""
    return (line[:LONGEST_COMMAND] for line in islice(text.splitlines(), MOST_COMMANDS))


def _of_crontab(text: str, owner: str | None) -> Iterator[Started]:
    """Read lines of a crontab; one without an owner has a user column."""
    task = None
    for line in _lines(text):
        block, start = _BLOCK.match(line), _START.fullmatch(line)
        if block:
            task = _BY_ID.get(block[1])
        elif start and not _NO_START.fullmatch(line):
            user, _, command = (owner, "", start[2]) if owner else start[2].partition(" ")
            given, words = _split_off_variables(_words(unquote(command)))
            if words:
                yield Started(task, user, words, given)


def _of_unit(file: File, owner: str) -> Iterator[Started]:
    unit = os.path.basename(file.path).removeprefix("bangui-").removesuffix(".service")
    user = re.search(r"^User=(.*)$", file.text, re.MULTILINE)
    name = user[1] if user else owner
    variables = " ".join(re.findall(r"^Environment=(.+)", file.text, re.MULTILINE))
    given, _ = _split_off_variables(_words_of_unit(variables))
    for command in re.findall(r"^ExecStart=[-@:+!]*(.+)", file.text, re.MULTILINE):
        yield Started(_BY_UNIT.get(unit), name, _words_of_unit(command), given)


def _split_off_variables(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    given = tuple(takewhile(lambda word: word.partition("=")[0] in LIBPQ_VARIABLES, words))
    return given, words[len(given) :]


def _words_of_unit(line: str) -> tuple[str, ...]:
    return _words(line.replace("%%", "%"))


def _words(command: str) -> tuple[str, ...]:
    return tuple(split_words(_BEFORE_COMMAND.sub("", command[:LONGEST_COMMAND], count=1)))
