"""What may stand where the database should be: each is refused with its own code and a way on."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from conftest import Bangui

from bangui_cli.settings import table as settings
from bangui_cli.settings.table import Sourced
from bangui_cli.states.errors import NoDatabase

WRITING = ["flush"], ["heartbeat"], ["add", "192.0.2.1"]
READING = ["lookup", "192.0.2.1"], ["status"], ["lock", "show"]
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user, or mount")


def refused(bangui, command, code, **options):
    """Run what must be refused with `code`; return the event."""
    ended = bangui.run(*command, **options)

    assert ended.code == code, ended
    (event,) = ended.events
    assert event["hint"]
    return event


def a_socket(path):
    cwd = Path.cwd()
    os.chdir(path.parent)  # the name of a socket has little room
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
    os.chdir(cwd)


MAKERS = {
    "a directory": (Path.mkdir, 65),
    "no regular file": (os.mkfifo, 65),
    "no regular file ": (a_socket, 65),
    "a symbolic link": (lambda path: path.symlink_to(path.with_name("bangui.db")), 65),
    "a symbolic link ": (lambda path: path.symlink_to("/nonexistent"), 65),
    "is not an SQLite database": (lambda path: path.write_text("no database, but a text\n" * 99), 65),
    "is damaged": (lambda path: path.write_bytes(path.with_name("bangui.db").read_bytes()[:5000]), 65),
    "lacks bangui's tables": (Path.touch, 66),
}


@pytest.mark.parametrize("reason", MAKERS)
def test_what_is_no_database_is_told_apart(bangui, reason):
    """Neither a FIFO nor a socket blocks; nothing is written into what is there."""
    make, code = MAKERS[reason]
    path = bangui.home / "other"
    make(path)
    before = path.read_bytes() if path.is_file() else None

    for command in (["flush"], READING[0]):
        assert reason.strip() in refused(bangui, [*command, "-d", path], code)["error"]
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("reason", [reason for reason, (_, code) in MAKERS.items() if code == 65])
def test_init_refuses_it_too(bangui, reason):
    """It makes a database where there is nothing, and never in the place of something."""
    path = bangui.home / "other"
    MAKERS[reason][0](path)

    assert reason.strip() in refused(bangui, ["init", "-d", path], 65)["error"]


@pytest.mark.parametrize("path", ["file:bangui.db", "file:bangui.db?mode=ro", ":memory:"])
def test_what_sqlite_would_take_for_more_than_a_path_is_refused(bangui, path):
    """A URI could open another file than the one that is checked; in memory nothing would be kept."""
    for command, code in (["flush"], 66), (["init"], 73):
        event = refused(bangui, [*command, "-d", path], code, cwd=bangui.home)
        assert "is not the path of a file" in event["error"]
    assert [entry.name for entry in bangui.home.iterdir()] == ["bangui.db"]


@pytest.mark.parametrize(
    "scheme", ["mysql", "sqlite", "postgresql+psycopg2", "file", "POSTGRESQL+asyncpg"]
)
def test_the_address_of_another_kind_of_database_is_refused(bangui, scheme):
    """A database in directories of its parts is one that nobody finds again."""
    for command, code in (["flush"], 66), (["init"], 73), (["doctor"], 66):
        ended = bangui.run(*command, "-d", f"{scheme}://me:secret@db.example/bans", cwd=bangui.home)
        assert ended.code == code, ended
        assert f"{scheme}://... is not the path of a file" in ended.stdout + ended.stderr
        assert "postgresql://USER@HOST" in ended.stdout + ended.stderr
        assert "secret" not in ended.stdout + ended.stderr
    assert [entry.name for entry in bangui.home.iterdir()] == ["bangui.db"]


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/full"])
def test_a_device_is_refused(bare, device):
    """Some answer every read, without end."""
    assert "no regular file" in refused(bare, ["status", "-d", device], 65)["error"]
    made = refused(bare, ["init", "-d", device], 65)
    assert "no regular file" in made["error"]
    assert "chmod" not in made["hint"]


def test_a_path_that_leads_through_a_file_is_refused(bangui):
    """The hint is not to make a database there."""
    path = bangui.database / "bangui.db"

    assert "bangui init" not in refused(bangui, ["flush", "-d", path], 66)["hint"]
    refused(bangui, ["init", "-d", path], 73)


@pytest.mark.parametrize("path", ["d/" * 1500 + "bangui.db", "x" * 300, "d/" * 3000])
def test_a_path_that_no_file_system_takes_is_refused(bare, path):
    """By its length, by that of a part, or by its depth; never as a bug."""
    for command in (["flush"], ["init"]):
        assert bare.run(*command, "-d", path, cwd=bare.home).code in (2, 66, 73)


STRANGE = [
    "a b?mode=memory#%41.db",
    "per%00cent",
    "new\nline",
    "quote'\"`$(x)",
    "-dash",
    "Zürich",
    "bytes\udcff",
    "x&y=z",
]


@pytest.mark.parametrize("name", STRANGE, ids=ascii)
def test_any_name_of_a_file_will_do(bare, name):
    """What a URI, a shell or a terminal would take for its own is but a name here."""
    option = f"--database={name}"
    bare.ok("init", option, cwd=bare.home)
    bare.ok("add", "192.0.2.1", option, cwd=bare.home)
    found = bare.ok("lookup", "192.0.2.1", option, "--json", cwd=bare.home).json
    shown = bare.ok("status", option, cwd=bare.home, encoding="utf-8", errors="strict").stdout

    assert [entry.name for entry in bare.home.iterdir()] == [name]
    assert found[0]["state"] == "dirty"
    assert re.search("^  path +.+\n  journal mode +delete$", shown, re.MULTILINE)


def test_a_working_directory_that_is_gone_is_told(bangui):
    """A relative path cannot be found from there; an absolute one can."""
    gone = bangui.home / "gone"
    gone.mkdir()
    within = ["sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh", str(gone)]
    relative = refused(bangui, ["flush", "-d", "bangui.db"], 66, under=within)
    gone.mkdir()
    above = refused(bangui, ["flush", "-d", "../bangui.db"], 66, under=within)
    gone.mkdir()
    refused(bangui, ["status", "--output", "state"], 73, under=within)
    gone.mkdir()
    root = refused(bangui, ["schedule", "show", "--root", "image"], 66, under=within)
    gone.mkdir()

    assert "the working directory has been deleted" in root["error"]
    for event in relative, above:
        assert "the working directory has been deleted" in event["error"]
        assert "absolute path" in event["hint"]
    bangui.ok("flush", under=within)


def test_a_job_never_makes_a_database(bare):
    """A typing mistake in a crontab must not make an empty one."""
    for command in (*WRITING, *READING, ["lock", "release"]):
        assert "create it with: bangui init" in refused(bare, command, 66)["hint"]
    assert list(bare.home.iterdir()) == []


def test_the_hint_says_where_a_path_without_a_database_comes_from(bare):
    """Whoever follows it must not make a mistyped path permanent with `init`."""
    file = bare.home / "bangui.toml"
    file.write_text(f'database_path = "{bare.home}/mistyped.db"\n')
    by_file = {"BANGUI_DATABASE_PATH": "", "BANGUI_CONFIG": str(file)}
    origins = {
        "environment BANGUI_DATABASE_PATH": refused(bare, ["flush"], 66),
        f"file {file}": refused(bare, ["status"], 66, env=by_file),
        "flag --database": refused(bare, ["add", "192.0.2.1", "-d", f"{file}/x.db"], 66),
    }

    for origin, event in origins.items():
        assert event["hint"].startswith(f"the path comes from {origin}; ")


def test_a_default_path_is_called_so():
    """The default of root is not that of others, who look for root's database there in vain."""
    hint = settings.with_origin(NoDatabase.default_hint, Sourced("/x.db", "default"))

    assert hint == (
        "the path is the default of this user; name another with --database, "
        "or create it with: bangui init --database FILE"
    )


def test_a_database_of_another_program_is_left_alone(bare):
    """Neither a job nor init writes into it, unless init is told to."""
    bare.execute("CREATE TABLE orders (id)")
    before = bare.database.read_bytes()

    assert "lacks bangui's tables" in refused(bare, ["flush"], 66)["error"]
    assert "belongs to another program: it has the tables orders" in refused(bare, ["init"], 65)["error"]
    assert bare.database.read_bytes() == before


def test_a_database_of_a_newer_bangui_is_left_alone(bangui):
    """78: what it means is not known here."""
    bangui.execute("UPDATE _sqlite_migrations SET name = '9999_future' WHERE name LIKE '0002%'")

    for command in (*WRITING, *READING, ["init"]):
        event = refused(bangui, command, 78)
        assert "newer bangui" in event["error"]
        assert "upgrade this bangui" in event["hint"]


def test_a_page_that_was_overwritten_is_told_and_not_taken_for_a_bug(bangui):
    """65, with the way to save what can be saved; also from init, which asks SQLite by other ways."""
    content = bytearray(bangui.database.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    bangui.database.write_bytes(content)

    for command in (*WRITING, *READING, ["init"]):
        event = refused(bangui, command, 65)
        assert "is damaged" in event["error"]
        assert f"sqlite3 {bangui.database} .recover" in event["hint"]


# Other users, full disks.


@pytest.fixture
def open_home(initialised):
    """Run bangui where every user may go: pytest's own directories are closed to others."""
    home = Path(tempfile.mkdtemp(dir="/tmp", prefix="bangui-test-"))
    home.chmod(0o755)
    bangui = Bangui(home)
    shutil.copy(initialised, bangui.database)
    bangui.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    yield bangui
    shutil.rmtree(home)


def another_user(bangui):
    """Return how to run bangui as nobody; no way is needed where this user is not root."""
    if os.geteuid() != 0:
        return {}
    become = {"under": ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]}
    if not shutil.which("setpriv") or bangui.run("--version", **become).code:
        pytest.skip("nobody cannot run this Python and this source")
    return become


def close_to_others(path, mode):
    path.chmod(mode)
    if os.geteuid() != 0 and mode & 0o200:
        pytest.skip("the owner is this user")


@pytest.mark.parametrize("mode", [0o600, 0o000])
def test_a_database_that_may_not_be_read_is_a_matter_of_permission(open_home, mode):
    """77, whoever asks, and the hint names the file."""
    become = another_user(open_home)
    close_to_others(open_home.database, mode)

    for command in (*WRITING, *READING):
        event = refused(open_home, command, 77, **become)
        assert "by this user" in event["error"]
        assert f"ls -l {open_home.database}" in event["hint"]


def test_a_database_that_may_only_be_read_is_read(open_home):
    """Who may look may look; who may not write is told so, and nothing is written."""
    become = another_user(open_home)
    open_home.database.chmod(0o444)
    open_home.home.chmod(0o555)
    before = open_home.database.read_bytes()
    try:
        for command in WRITING:
            refused(open_home, command, 77, **become)
        for command in READING[1:]:
            open_home.ok(*command, **become)
        assert open_home.run(*READING[0], **become).code == 1
    finally:
        open_home.home.chmod(0o755)
    assert open_home.database.read_bytes() == before


def test_a_settings_file_that_may_not_be_read_is_a_matter_of_permission(open_home):
    """77: a look at the owner helps, a look at the content does not."""
    become = another_user(open_home)
    file = open_home.home / "bangui.toml"
    file.touch(mode=0)
    event = refused(open_home, ["status", "--config", file], 77, **become)

    assert f"no permission to read {file}" in event["error"]


@pytest.fixture
def small_disk(bangui, tmp_path):
    """Put the database on a disk of 128 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs", disk], check=False
    ).returncode:
        pytest.skip("this container may not mount")
    bangui.database = Path(shutil.copy(bangui.database, disk))
    bangui.environment["BANGUI_DATABASE_PATH"] = str(bangui.database)
    yield bangui, disk
    subprocess.run(["umount", disk], check=True)


@as_root
def test_a_full_disk_is_told_and_costs_nothing(small_disk):
    """74; reading goes on, and with room again so does the work, nothing lost."""
    bangui, disk = small_disk
    bangui.ok("add", "192.0.2.1")
    filler = disk / "filler"
    filler.write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))

    for command in (["flush"], ["heartbeat"], ["add", "192.0.2.2"]):
        event = refused(bangui, command, 74)
        assert "full" in event["error"]
        assert "df -h" in event["hint"]
    assert bangui.ok("lookup", "192.0.2.1", "--json").json[0]["state"] == "dirty"
    assert bangui.run("init", "-d", disk / "new" / "bangui.db").code in (73, 74)

    filler.unlink()
    bangui.ok("flush")
    assert bangui.ok("lookup", "192.0.2.1", "--json").json[0]["state"] == "cached"


@as_root
def test_a_read_only_mount_is_read(small_disk):
    """77 for what writes, an answer for what reads."""
    bangui, disk = small_disk
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

    for command in WRITING:
        refused(bangui, command, 77)
    bangui.ok("status")
    bangui.ok("lock", "show")


def test_a_limit_on_the_size_of_files_is_told(bangui):
    """74, not a bug, and the database is as it was."""
    if not shutil.which("prlimit"):
        pytest.skip("prlimit is not installed")
    limit = ["prlimit", "--fsize=1000"]

    for command in (["flush"], ["heartbeat"], ["add", "192.0.2.1"]):
        refused(bangui, command, 74, under=limit)
    assert bangui.run("init", "-d", bangui.home / "new.db", under=limit).code == 74
    assert bangui.rows("PRAGMA integrity_check") == [("ok",)]
    assert bangui.run("lookup", "192.0.2.1").code == 1


@pytest.mark.parametrize("call", ["openat", "pread64", "pwrite64", "fdatasync", "unlink"])
def test_a_failing_disk_is_told(bangui, call):
    """EIO from any call that touches the file is 74 with a look at the disk, not a bug."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    paths = [word for name in ("", "-journal") for word in ("-P", f"{bangui.database}{name}")]
    strace = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        *paths,
        "-P",
        str(bangui.home),
        "-e",
        f"inject={call}:error=EIO",
    ]
    if subprocess.run([*strace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this container may not trace")
    event = refused(bangui, ["flush"], 74, under=strace)

    assert "dmesg" in event["hint"]
