"""Files that other programs read are replaced whole, or not at all."""

import errno
import os
from pathlib import Path

import pytest

from bangui_cli.host import files
from bangui_cli.states.errors import CannotCreate, DiskFull, IoFailed, PermissionRefused


def test_a_file_gets_its_content_and_mode_whatever_the_umask(tmp_path: Path):
    """Cron passes over a file of any other mode in silence."""
    path = tmp_path / "bangui"
    umask = os.umask(0o077)
    try:
        files.replace_file(str(path), b"new\n")
    finally:
        os.umask(umask)

    assert path.read_bytes() == b"new\n"
    assert path.stat().st_mode & 0o7777 == 0o644


def test_a_reader_keeps_the_old_file_open(tmp_path: Path):
    """The old content is never cut short under a reader: it is another file."""
    path = tmp_path / "metrics.prom"
    path.write_bytes(b"old\n")
    with path.open("rb") as reader:
        files.replace_file(str(path), b"new\n")

        assert reader.read() == b"old\n"
    assert [path] == list(tmp_path.iterdir())


def test_a_failed_replacement_leaves_nothing_behind(tmp_path: Path):
    """A directory in the way is refused, and the half of the work is cleared away."""
    path = tmp_path / "bangui"
    path.mkdir()

    with pytest.raises(CannotCreate, match="cannot write"):
        files.replace_file(str(path), b"new\n")
    assert [path] == list(tmp_path.iterdir())


def test_a_device_is_never_replaced_by_a_file(tmp_path: Path):
    """A rename onto /dev/null as root would break the whole host."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(CannotCreate, match="no regular file"):
        files.replace_file(str(pipe), b"new\n")
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("EACCES", PermissionRefused),
        ("EROFS", PermissionRefused),
        ("ENOSPC", DiskFull),
        ("EIO", IoFailed),
        ("ENOENT", CannotCreate),
    ],
)
def test_an_error_of_the_system_names_its_state(name: str, state: type[Exception]):
    """The exit code tells a full disk from a missing permission."""
    number = getattr(errno, name)

    assert type(files.failure(OSError(number, name), "cannot write x")) is state
