"""The commands that systemd has to be told after its units were written or taken away."""

import os
import shlex
import subprocess
from collections.abc import Sequence

from bangui_cli.scheduling.plan import File
from bangui_cli.states.errors import Unavailable

Commands = tuple[tuple[str, ...], ...]


def nothing(_files: Sequence[File]) -> Commands:
    """Return no command: the scheduler sees by itself what is there."""
    return ()


def activate(options: Sequence[str], files: Sequence[File]) -> Commands:
    """Return what makes the timers start, now and after each boot."""
    return (
        ("systemctl", *options, "daemon-reload"),
        ("systemctl", *options, "enable", "--now", *_timers(files)),
    )


def deactivate(options: Sequence[str], files: Sequence[File]) -> Commands:
    """Return what stops the timers, now and after each boot, while the units are there."""
    return (("systemctl", *options, "disable", "--now", *_timers(files)),)


def forget(options: Sequence[str], files: Sequence[File]) -> Commands:
    """Return what stops timers whose units, and the links that enabled them, are gone."""
    return (
        ("systemctl", *options, "stop", *_timers(files)),
        ("systemctl", *options, "daemon-reload"),
    )


def to_paste(commands: Commands) -> str:
    """Return commands as one line for a shell, each only after the one before it."""
    return " && ".join(map(shlex.join, commands))


def run(commands: Commands, *, state: str) -> None:
    """Run commands. Raise Unavailable where one fails, with the state in which the files are then."""
    for command in commands:
        try:
            ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        except OSError as error:
            raise Unavailable(f"cannot run {command[0]}: {error.strerror}") from None
        if ended.returncode:
            said = " ".join(ended.stderr.split())
            raise Unavailable(
                f"{shlex.join(command)} failed: {said}",
                hint=f"{state}: do by hand what it says, then this command",
            )


def _timers(files: Sequence[File]) -> list[str]:
    names = (os.path.basename(file.path) for file in files)
    return [name for name in names if name.endswith(".timer")]
