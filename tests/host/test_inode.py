"""What is opened is the file that was looked at, and nothing is before it was."""

import os
import shutil
import sys

import pytest
from others import needs_root

from bangui_cli.host import inode

# Give the file's name to another one between look and open; tell what is read, or what is said.
SWAP = """
import os, sys
from bangui_cli.host import inode
path, other = sys.argv[1:]
try:
    descriptor = inode.open_seen(path, lambda _: os.replace(other, path))
    print(os.read(descriptor, 99).decode())
except OSError as error:
    print(error.strerror)
"""


@pytest.fixture
def pair(tmp_path):
    """Make two files."""
    (tmp_path / "seen").write_text("seen")
    (tmp_path / "other").write_text("other")
    return str(tmp_path / "seen"), str(tmp_path / "other")


def test_a_file_that_takes_the_name_is_not_opened(pair):
    """Who looks at a path, and opens it then, opens whatever is there by then."""
    path, other = pair
    descriptor = inode.open_seen(path, lambda _: os.replace(other, path))
    with open(descriptor) as file:
        assert file.read() == "seen"
        assert os.get_blocking(descriptor) is False
        assert os.get_inheritable(descriptor) is False


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not installed")
def test_without_proc_it_is_not_used(bangui, pair):
    """The name is all that is left to come to the file by."""
    under = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]

    assert "another file" in bangui.ok(program=[sys.executable, "-c", SWAP, *pair], under=under).stdout


def test_what_is_refused_was_not_opened(tmp_path):
    """Who writes to a pipe waits on for a reader; no descriptor is left behind."""
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)

    def refuse(status):
        with pytest.raises(OSError, match="No such device or address"):  # as long as nobody reads it
            os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        raise ValueError("not this one")

    before = os.listdir("/proc/self/fd")
    with pytest.raises(ValueError, match="not this one"):
        inode.open_seen(pipe, refuse)

    assert os.listdir("/proc/self/fd") == before
