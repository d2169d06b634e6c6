"""A hint names what is in the way: the directory, an attribute, a mount; and not what is in order."""

import os
import shutil
import subprocess

import pytest
from conftest import Bangui
from others import NOBODY, give, needs_root, open_place

NOBODYS = {"under": ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]}


def hint_of(bangui, *command, **options):
    """Run what must fail; return the hint of its last event."""
    ended = bangui.run(*command, **options)
    assert ended.code in (73, 77), ended
    return ended.events[-1]["hint"]


# Attributes.


@pytest.fixture
def immutable():
    """Return what makes a path immutable until the test ends."""
    made = []

    def make(path):
        tried = subprocess.run(["chattr", "+i", path], capture_output=True, check=False)
        if tried.returncode:
            pytest.skip("no file can be made immutable here")
        made.append(path)

    if os.geteuid() != 0 or not shutil.which("chattr"):
        pytest.skip("only root can make a file immutable, with chattr")
    yield make
    for path in made:
        subprocess.run(["chattr", "-i", path], check=True)


def lifts(path):
    return f"look with lsattr -d {path}; chattr -i {path} undoes it"


def test_an_immutable_database_is_told_as_such(bangui, immutable):
    """Root reads that root must run it, and looks at modes that are in order."""
    immutable(bangui.database)

    for command in (["flush"], ["heartbeat"], ["add", "192.0.2.1"]):
        assert hint_of(bangui, *command).endswith(lifts(bangui.database))
    check = next(
        check
        for check in bangui.run("doctor", "--json").json["checks"]
        if check["name"] == "database_writable"
    )
    assert check["remedy"].endswith(lifts(bangui.database))


def test_an_immutable_directory_is_told_as_such(bangui, immutable):
    """No journal can be made in it, no database and no output."""
    directory = bangui.home / "data"
    directory.mkdir()
    bangui.database.rename(directory / "x.db")
    immutable(directory)

    at = ["--database", directory / "x.db"]
    for command in (
        ["flush", *at],
        ["init", "-d", directory / "y.db"],
        ["init", "-d", directory / "below" / "y.db"],
        ["status", *at, "--output", directory / "state"],
        ["schedule", "install", "--root", directory],
    ):
        assert hint_of(bangui, *command).endswith(lifts(directory)), command


def test_an_immutable_output_is_told_as_such(bangui, immutable):
    """Its directory is in order."""
    output = bangui.home / "state"
    output.touch()
    immutable(output)

    assert hint_of(bangui, "status", "--output", output).endswith(lifts(output))


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not installed")
def test_a_read_only_mount_is_told_as_such(bangui):
    """Neither another user nor another mode would help."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    under = ["unshare", "--mount", "sh", "-c", script, str(bangui.home)]
    if subprocess.run([*under, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")

    hint = hint_of(bangui, "flush", under=under)

    assert hint.startswith(f"{bangui.home} is mounted read-only: look with findmnt -T {bangui.home}")


# Owners and modes.


@pytest.fixture
def closed():
    """Run bangui with a directory that only root may enter."""
    with open_place() as place:
        bangui = Bangui(give(place / "home") if not (place / "home").mkdir() else place)
        bangui.environment["PYTHONDONTWRITEBYTECODE"] = "1"
        if not shutil.which("setpriv") or bangui.run("--version", **NOBODYS).code:
            pytest.skip("nobody cannot run this Python and this source")
        bangui.ok("init", **NOBODYS)
        (place / "closed").mkdir(mode=0o700)
        yield bangui


@needs_root
def test_a_closed_directory_is_named_and_not_the_file(closed):
    """The file that cannot be reached, or is yet to be made, has no mode to look at."""
    directory = closed.home.parent / "closed"
    (directory / "bangui.toml").touch()

    for command in (
        ["init", "-d", directory / "x.db"],
        ["status", "--output", directory / "state"],
        ["flush", "--config", directory / "bangui.toml"],
    ):
        hint = hint_of(closed, *command, **NOBODYS)
        assert f"the directory {directory} is closed to this user: look with ls -ld {directory}" in hint


@needs_root
def test_a_closed_file_is_named_where_its_directory_is_open(closed):
    """As of settings that only root may read."""
    settings = closed.home.parent / "bangui.toml"
    settings.touch(0o600)

    assert hint_of(closed, "flush", "--config", settings, **NOBODYS) == (
        "make the file readable for this user"
    )
