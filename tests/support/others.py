"""Other users of the host: a place that they can reach, and what they do there."""

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@contextmanager
def open_place() -> Iterator[Path]:
    """Give a directory of root's that everybody can reach, as pytest's own are not."""
    place = Path(tempfile.mkdtemp(prefix="bangui-others-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place)


def give(path: Path, mode: int | None = None, user_id: int = NOBODY) -> Path:
    """Hand something over to another user."""
    os.chown(path, user_id, user_id, follow_symlinks=False)
    if mode is not None:
        path.chmod(mode)
    return path


def spoil(path: Path, how: str | int) -> None:
    """Put a place into another user's hands: make it the user's, or writable."""
    if isinstance(how, str):
        give(path)
    else:
        path.chmod(how)


def start_as(user_id: int, act: Callable[[], object]) -> int:
    """Start a process of another user that does something; return its ID."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the threads of pytest-xdist, which the child does not need
        child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.setgroups([])
        os.setresgid(user_id, user_id, user_id)
        os.setresuid(user_id, user_id, user_id)
        act()
        status = 0
    finally:
        os._exit(status)


def succeeds_as(user_id: int, act: Callable[[], object]) -> bool:
    """Tell whether another user can do something."""
    _, status = os.waitpid(start_as(user_id, act), 0)
    return status == 0


def become(user_id: int) -> list[str]:
    """Return what runs a command as another user; skip where that one may not read this Python."""
    under = ["setpriv", f"--reuid={user_id}", f"--regid={user_id}", "--clear-groups"]
    try_out = [*under, sys.executable, "-c", "import click"]
    if subprocess.run(try_out, capture_output=True, check=False).returncode:
        pytest.skip(f"user {user_id} cannot run {sys.executable}")
    return under
