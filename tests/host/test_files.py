"""Files that other programs read are replaced whole, or not at all."""

import errno
import os
import signal
from pathlib import Path

import pytest

from bangui_cli.host import directories, files
from bangui_cli.states.errors import CannotCreate, DiskFull, FileTooLarge, IoFailed, PermissionRefused


def replace(path: Path, content: bytes = b"new\n", mode: int = files.PUBLIC) -> None:
    with files.open_output(str(path), mode) as output:
        output.replace(content)


@pytest.mark.parametrize("mode", [files.PUBLIC, files.PRIVATE])
def test_a_file_gets_its_content_and_mode_whatever_the_umask(tmp_path: Path, mode: int):
    """Cron passes over a file of any other mode in silence."""
    path = tmp_path / "bangui"
    umask = os.umask(0o077 if mode == files.PUBLIC else 0)
    try:
        replace(path, mode=mode)
    finally:
        os.umask(umask)

    assert path.read_bytes() == b"new\n"
    assert path.stat().st_mode & 0o7777 == mode


def test_a_reader_keeps_the_old_file_open(tmp_path: Path):
    """The old content is never cut short under a reader: it is another file."""
    path = tmp_path / "metrics.prom"
    path.write_bytes(b"old\n")
    with path.open("rb") as reader:
        replace(path)

        assert reader.read() == b"old\n"
    assert [path] == list(tmp_path.iterdir())


def test_an_output_that_is_given_up_leaves_nothing_behind(tmp_path: Path):
    """A report that failed half-way leaves the file of before."""
    path = tmp_path / "metrics.prom"
    path.write_bytes(b"old\n")
    with files.open_output(str(path)):
        pass

    assert path.read_bytes() == b"old\n"
    assert [path] == list(tmp_path.iterdir())


def test_a_failed_replacement_leaves_nothing_behind(tmp_path: Path):
    """A directory in the way is refused, and the half of the work is cleared away."""
    path = tmp_path / "bangui"

    with files.open_output(str(path)) as output:
        path.mkdir()
        with pytest.raises(CannotCreate, match="cannot write"):
            output.replace(b"new\n")
    assert [path] == list(tmp_path.iterdir())


def test_a_device_is_never_replaced_by_a_file(tmp_path: Path):
    """A rename onto /dev/null as root would break the whole host."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(CannotCreate, match="no regular file"):
        replace(pipe)
    assert pipe.is_fifo()


def test_the_directory_is_the_one_that_was_there_when_the_output_was_opened(tmp_path: Path):
    """Whoever swaps it for a link meanwhile leads nothing astray."""
    directory, victim = tmp_path / "textfile", tmp_path / "victim"
    directory.mkdir()
    victim.mkdir()
    with files.open_output(str(directory / "bangui.prom")) as output:
        directory.rename(tmp_path / "away")
        directory.symlink_to(victim)
        output.replace(b"new\n")

    assert list(victim.iterdir()) == []
    assert (tmp_path / "away" / "bangui.prom").read_bytes() == b"new\n"


def test_links_on_the_way_are_followed_where_nobody_else_could_put_them(tmp_path: Path):
    """As /var/run is one."""
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "absolute").symlink_to(tmp_path / "link" / "deep")
    replace(tmp_path / "link" / "absolute" / ".." / "deep" / "file")

    assert (tmp_path / "real" / "deep" / "file").read_bytes() == b"new\n"


def test_a_relative_path_goes_from_the_working_directory(tmp_path: Path, monkeypatch):
    """Up and down, as the kernel goes."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "c").symlink_to("a/b")
    monkeypatch.chdir(tmp_path / "a")
    replace(Path("b/../../c/./file"))

    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"new\n"


def test_each_name_on_the_way_is_looked_at_once(tmp_path: Path, monkeypatch):
    """A path that were walked again could lead elsewhere by then."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    opened = []
    monkeypatch.setattr(
        os,
        "open",
        lambda name, *rest, _open=os.open, **how: opened.append(name) or _open(name, *rest, **how),
    )
    os.close(directories.open_directory(f"{tmp_path}/a//b/"))

    assert opened == ["/", *f"{tmp_path}/a/b".split("/")[1:], "."]


def test_directories_are_made_for_all_to_enter(tmp_path: Path):
    """As a package wants them, whatever the umask."""
    path = tmp_path / "etc" / "cron.d" / "bangui"
    umask = os.umask(0o077)
    try:
        with files.open_output(str(path), make_directories=True) as output:
            output.replace(b"new\n")
    finally:
        os.umask(umask)

    assert [place.stat().st_mode & 0o7777 for place in list(path.parents)[:2]] == [0o755, 0o755]


@pytest.mark.parametrize(
    ("output", "other", "is_over"),
    [
        ("a", "a", True),
        ("missing", "missing", True),
        ("here/missing", "missing", True),
        ("b", "a", True),
        ("link", "a", True),
        ("a", "link", True),
        ("c", "a", False),
        ("missing", "other", False),
        ("no/missing", "no/missing", False),
        ("/dev/null", "/dev/null", False),
    ],
)
def test_an_output_is_told_from_what_is_read(tmp_path: Path, monkeypatch, output, other, is_over):
    """By what they are and, where there is nothing yet, by name and directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "c"):
        (tmp_path / name).touch()
    (tmp_path / "b").hardlink_to("a")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "here").symlink_to(".")

    assert files.is_over(output, other) is is_over


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("EACCES", PermissionRefused),
        ("EROFS", PermissionRefused),
        ("ENOSPC", DiskFull),
        ("EFBIG", FileTooLarge),
        ("EIO", IoFailed),
        ("ENOENT", CannotCreate),
    ],
)
def test_an_error_of_the_system_names_its_state(name: str, state: type[Exception]):
    """The exit code tells a full disk from a missing permission."""
    number = getattr(errno, name)

    assert type(files.failure(OSError(number, name), "cannot write x")) is state


@pytest.mark.parametrize("path", ["report.html", "sub/report.html"])
def test_nothing_is_left_of_a_run_that_is_killed_while_it_writes(tmp_path: Path, path: str):
    """Else a directory that is written each minute would fill with what nobody removes."""
    (tmp_path / "sub").mkdir()
    child = os.fork()
    if child == 0:
        with files.open_output(str(tmp_path / path)) as output:
            os.write(output.descriptor, b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)

    assert [tmp_path / "sub"] == list(tmp_path.rglob("*"))


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EISDIR])
def test_a_file_system_without_nameless_files_will_do(tmp_path: Path, monkeypatch, number: int):
    """As NFS is; what is not put in its place is removed all the same."""
    real = os.open

    def refuse(name, flags, *arguments, **options):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(number, os.strerror(number))
        return real(name, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    replace(tmp_path / "report.html")
    with files.open_output(str(tmp_path / "other.html")) as output:
        assert [name[:8] for name in os.listdir(tmp_path) if name[0] == "."] == [".bangui-"]
        os.write(output.descriptor, b"half")

    assert [tmp_path / "report.html"] == list(tmp_path.iterdir())


def test_a_name_that_becomes_a_directory_meanwhile_keeps_no_draft_beside_it(tmp_path: Path):
    """Whoever may write the directory can do that at any moment."""
    with files.open_output(str(tmp_path / "report.html")) as output:
        output._require_replaceable = (tmp_path / "report.html").mkdir
        with pytest.raises(CannotCreate):
            output.replace(b"new")

    assert [tmp_path / "report.html"] == list(tmp_path.iterdir())
