"""Who else could change the program that root's schedule starts, or what that obeys in turn."""

import os
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from glob import escape, glob
from itertools import chain

import bangui_cli
from bangui_cli.host import trust
from bangui_cli.scheduling.crontab import unquote
from bangui_cli.scheduling.plan import own_command
from bangui_cli.states.errors import NoInput, PermissionRefused, Untrusted

# Cron takes commands of a thousand bytes.
LONGEST_COMMAND, MOST_COMMANDS = 4000, 1000
# Where cron's lines and systemd look for what `env` is to find.
_SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# As many as the kernel goes through.
_MOST_INTERPRETERS = 4
# How pip writes an interpreter whose path is too long for the first line of a script.
_LONG_PATH = re.compile(r"""'''exec' "?(/[^"\n]+?)"? "\$0\"""")
_WAY_OUT = (
    "install bangui where only root may write "
    "(python3 -m venv /opt/bangui; /opt/bangui/bin/pip install bangui-cli)"
)


def doubt(command: Sequence[str]) -> PermissionRefused | None:
    """Return why root is not to run a command each minute, None where only root could change it."""
    try:
        return next(_doubts(command), None)
    except PermissionRefused as state:  # what cannot be looked at is not known to be sound
        return state


def require_found(command: Sequence[str]) -> None:
    """Raise NoInput where an isolated Python would not find this bangui.

    It was found by PYTHONPATH or in the working directory, and a schedule has neither.
    """
    if "-I" not in command:
        return
    search = [command[0], "-I", "-c", "import bangui_cli"]
    # The Python that runs now is run once more.
    if subprocess.run(search, capture_output=True, check=False).returncode:  # noqa: S603
        raise NoInput(
            f"{command[0]} finds no bangui_cli of its own: it is not installed there",
            hint="install it (pip install bangui-cli), or name the program with --command",
        )


def started_as_root(text: str) -> list[str]:
    """Return the programs, by their paths, that a file for cron or systemd starts as root."""
    is_of_root = not re.search(r"^User=(?!root$)", text, re.MULTILINE)
    commands = re.findall(r"^ExecStart=[-@:+!]*(.+)", text, re.MULTILINE) if is_of_root else []
    commands = [command.replace("%%", "%") for command in commands]
    of_cron = re.findall(r"^(?:[-*/,\d]+\s+){5}root\s+(.+)", text, re.MULTILINE)
    of_cron = [unquote(command[:LONGEST_COMMAND]) for command in of_cron]
    words = chain(*map(split_words, [*commands, *of_cron][:MOST_COMMANDS]))
    return sorted({word for word in words if word.startswith("/") and _is_program(word)})


def split_words(command: str) -> list[str]:
    """Return the words of a command as a shell would read them, its operators among them.

    What is longer than any that bangui or cron takes is cut: it takes the square of the length.
    """
    command = command[:LONGEST_COMMAND]
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a quote that nobody closes
        return [word.strip("'\"") for word in command.split()]


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _doubts(command: Sequence[str]) -> Iterator[Untrusted]:
    for path in _obeyed(command):
        state = trust.doubt(path, way_out=_WAY_OUT)
        if state:
            yield state
        else:
            yield from _doubts_below(path)


def _doubts_below(directory: str) -> Iterator[Untrusted]:
    for place, directories, names in os.walk(directory):
        for path in (os.path.join(place, name) for name in (*directories, *names)):
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                state = trust.doubt(path, way_out=_WAY_OUT)
            else:
                foreign = trust.judge(path, status)
                state = foreign and trust.distrust(path, foreign, way_out=_WAY_OUT)
            if state:
                yield state


def _obeyed(command: Sequence[str]) -> Iterator[str]:
    """Yield the files that are run, and the directories that modules are imported from."""
    files = []
    for path in _run_files(command[0]):
        yield path  # and it is judged before it is read
        files.append(path)
    if tuple(command) == own_command():
        yield os.path.dirname(bangui_cli.__file__)
    copied_from = []
    for settings in _venv_settings(files):
        yield settings
        copied_from += _read_home(settings)
    for directory in _libraries([*files, *map(os.path.realpath, files), *copied_from]):
        yield directory
        yield from _linked_packages(directory)


def _venv_settings(files: Sequence[str]) -> list[str]:
    """Return what tells the interpreters of virtual environments where their modules are."""
    prefixes = sorted({os.path.dirname(os.path.dirname(path)) for path in files})
    return list(filter(os.path.isfile, (os.path.join(prefix, "pyvenv.cfg") for prefix in prefixes)))


def _read_home(settings: str) -> list[str]:
    """Return the Python that a virtual environment, made with --copies, may be a copy of."""
    with open(settings, encoding="utf-8", errors="replace") as file:
        homes = re.findall(r"^home *= *(.+)$", file.read(65_536), re.MULTILINE)
    return [os.path.join(home.strip(), "python3") for home in homes]


def _libraries(files: Sequence[str]) -> list[str]:
    """Return where Python looks for modules beside a script and its interpreter, also of a venv."""
    prefixes = {os.path.dirname(os.path.dirname(path)) for path in files}
    if "/usr" in prefixes:
        prefixes.add("/usr/local")  # Debian's Python looks there, too
    found = [glob(f"{escape(prefix)}/lib*/python3*") for prefix in prefixes]
    return sorted({os.path.realpath(path) for path in chain(*found)})


def _run_files(path: str, depth: int = 0) -> Iterator[str]:
    """Yield a program, and the interpreters that its first line leads to."""
    yield path
    for interpreter in _interpreters(path) if depth < _MOST_INTERPRETERS else ():
        yield from _run_files(interpreter, depth + 1)


def _interpreters(path: str) -> Iterator[str]:
    first, second = _first_lines(path)
    interpreter, *arguments = first.removeprefix("#!").split() if first.startswith("#!/") else [""]
    if not interpreter:
        return
    yield interpreter
    long_path = _LONG_PATH.match(second)
    if long_path:
        yield long_path[1]
    if os.path.basename(interpreter) == "env":
        named = [word for word in arguments if not word.startswith("-") and "=" not in word]
        yield from filter(None, [shutil.which(named[0], path=_SEARCHED)] if named else [])


def _first_lines(path: str) -> tuple[str, str]:
    if not os.path.isfile(path):
        return "", ""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.readline(4096), file.readline(4096)


def _linked_packages(directory: str) -> Iterator[str]:
    """Yield where an editable install keeps this package: a line of a .pth file names the directory."""
    for path in glob(f"{directory}/*-packages/*.pth"):
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.strip() for line in file if line.startswith("/")]
        yield from (os.path.join(line, bangui_cli.__name__) for line in lines)
