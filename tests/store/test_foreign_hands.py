"""What somebody else could change, SQLite does not get to see: it would obey what lies beside a database."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import everything
import journals
import others
import pytest
from conftest import Bangui
from others import NOBODY, become, give, needs_root

WEB = 33
ROOT = Path(__file__).parents[2]


@pytest.fixture
def victim(place):
    """Make a file that only root may read or delete."""
    path = place / "victim" / "shadow"
    path.parent.mkdir(mode=0o700)
    path.write_text("secret\n")
    path.chmod(0o600)
    return path


def set_up(home: Path, initialised: Path) -> Bangui:
    """Put an initialised database of root's into a directory."""
    home.mkdir(mode=0o755, exist_ok=True)
    bangui = Bangui(home)
    bangui.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    shutil.copy(initialised, bangui.database)
    return bangui


@pytest.fixture
def roots(place, initialised):
    """Run bangui on a database of root's, where everybody may look."""
    return set_up(place / "bangui", initialised)


@pytest.fixture
def app(place, initialised):
    """Run bangui on a database that another user has in a directory of his own."""
    bangui = set_up(place / "app", initialised)
    give(bangui.database)
    give(bangui.home)
    return bangui


@pytest.fixture
def sticky(place, initialised):
    """Run bangui on a database of root's in a directory such as /tmp."""
    bangui = set_up(place / "sticky", initialised)
    bangui.home.chmod(0o1777)
    return bangui


def write_as_nobody(path, content):
    assert others.succeeds_as(NOBODY, lambda: path.write_bytes(content))


def beside(bangui, suffix):
    return Path(f"{bangui.database}-{suffix}")


def refused(bangui, *arguments, **options):
    """Run what must be refused before anything is opened; return the event."""
    ended = bangui.run(*arguments, **options)
    assert ended.code == 77, ended
    return ended.events[-1]


# The attack: a journal that SQLite would roll back.


@needs_root
@pytest.mark.parametrize("command", everything.COMMANDS)
def test_no_journal_of_a_users_makes_root_delete_a_file(app, victim, command):
    """Root rolls it back as the user, who may not delete what he could not delete before."""
    write_as_nobody(beside(app, "journal"), journals.naming(app.database, victim))

    everything.run(app, command)

    assert victim.read_text() == "secret\n"


@needs_root
@pytest.mark.parametrize("job", ["flush", "heartbeat"])
def test_no_journal_makes_the_line_of_roots_crontab_delete_a_file(app, place, victim, job):
    """The very line that `schedule show` prints, run by the shell as cron would."""
    write_as_nobody(beside(app, "journal"), journals.naming(app.database, victim))
    program = place / "bangui"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m bangui_cli "$@"\n')
    program.chmod(0o755)
    shown = app.ok("schedule", "show", "--user", "root", "--command", program).stdout
    (line,) = [line for line in shown.splitlines() if f" {job} " in line]
    command = line.split(maxsplit=6)[6].replace("\\%", "%")

    subprocess.run(["sh", "-c", command], env=app.environment, capture_output=True, check=False)

    assert victim.read_text() == "secret\n"
    assert app.rows("SELECT count(*) FROM job_state WHERE runs_total") == [(1,)]


@needs_root
@pytest.mark.parametrize("command", everything.COMMANDS)
@pytest.mark.parametrize("journal", ["naming a file", "of one page"])
def test_a_database_in_a_directory_such_as_tmp_is_not_opened(sticky, victim, command, journal):
    """Everybody may put a journal there; sticky or not, it is the same to SQLite."""
    content = journals.bare(sticky.database, 1)
    if journal == "naming a file":
        content = journals.naming(sticky.database, victim)
    write_as_nobody(beside(sticky, "journal"), content)
    before = sticky.database.read_bytes()

    ended = everything.run(sticky, command)

    assert ended.code == 77, ended
    if command != "doctor":
        event = ended.events[-1]
        assert f"{sticky.home} can be written by others (owner root, mode 1777)" in event["error"]
        assert "move it" in event["hint"]
    assert (victim.read_text(), sticky.database.read_bytes()) == ("secret\n", before)
    assert beside(sticky, "journal").read_bytes() == content


@needs_root
def test_a_directory_such_as_tmp_holds_nobodys_database(sticky):
    """Also an ordinary user's is refused, to whoever runs there."""
    give(sticky.database)

    for under in ([], become(NOBODY)):
        event = refused(sticky, "status", under=under)
        assert "mode 1777" in event["error"]
    assert refused(sticky, "init", "-d", sticky.home / "new.db")
    assert not (sticky.home / "new.db").exists()


@needs_root
def test_a_directory_of_ones_own_in_one_such_as_tmp_will_do(sticky):
    """Nobody else can rename it; `init` makes it, and looks who was faster."""
    database = sticky.home / "mine" / "deeper" / "bangui.db"
    sticky.ok("init", "-d", database)
    sticky.ok("heartbeat", "-d", database)

    assert [path.stat().st_mode & 0o7777 for path in (database, *list(database.parents)[:2])] == [
        0o600,
        0o700,
        0o700,
    ]


@needs_root
def test_init_makes_nothing_where_somebody_else_was_faster(sticky, victim):
    """A link in place of the directory that is to be made leads nowhere."""
    link = sticky.home / "mine"
    assert others.succeeds_as(NOBODY, lambda: link.symlink_to(victim.parent))

    for database in (link / "bangui.db", link / "deeper" / "bangui.db"):
        assert str(sticky.home) in refused(sticky, "init", "-d", database)["error"]
    assert os.listdir(victim.parent) == ["shadow"]


# Who else could write.


@needs_root
@pytest.mark.parametrize(
    ("name", "mode", "remedy"),
    [
        (".", 0o777, "chmod go-w {}"),
        (".", 0o775, "chmod go-w {}"),
        ("bangui.db", 0o666, "chmod go-w {}"),
        ("bangui.db", 0o660, "chmod go-w {}"),
        ("..", 0o777, "chmod go-w {}"),
    ],
)
def test_what_others_may_write_of_roots_is_refused(roots, name, mode, remedy):
    """The event names place, owner and mode, and the hint mends it."""
    target = (roots.home / name).resolve()
    target.chmod(mode)

    event = refused(roots, "heartbeat")
    assert (event["path"], event["owner"], event["mode"]) == (str(target), "root", f"{mode:04o}")
    assert event["hint"] == remedy.format(target)

    subprocess.run(["sh", "-c", event["hint"]], check=True)
    roots.ok("heartbeat")


@needs_root
@pytest.mark.parametrize("mode", [0o660, 0o640])
def test_a_group_may_write_the_database_of_an_ordinary_owner(app, mode):
    """BanGUI's own group, say: the owner has let it in. Doctor warns."""
    app.database.chmod(mode)
    app.home.chmod(0o770)
    app.ok("heartbeat")

    check = next(
        each
        for each in app.run("doctor", "--format", "json").json["checks"]
        if each["name"] == "permissions"
    )
    assert check["verdict"] == "warning"
    assert "a group may write" in check["detail"]


@needs_root
def test_everybody_may_not_write_the_database_of_an_ordinary_owner(app):
    """The hint leaves the group alone."""
    app.database.chmod(0o666)

    event = refused(app, "heartbeat")
    assert event["hint"] == f"chmod o-w {app.database}"
    assert event["owner"] == "nobody"


@needs_root
def test_a_directory_of_a_third_users_is_refused(app):
    """He could put anything in the place of the database."""
    give(app.home, user_id=WEB)

    event = refused(app, "heartbeat")
    assert f"{app.home} is another user's (owner www-data" in event["error"]


@needs_root
def test_a_file_of_roots_in_a_users_directory_is_to_be_given_to_him(app):
    """So it was when root ran `init` there once; the hint can be pasted."""
    os.chown(app.database, 0, 0)

    event = refused(app, "heartbeat")
    assert f"{app.home} is another user's (owner nobody" in event["error"]

    subprocess.run(event["hint"].rpartition(": ")[2], shell=True, check=True)
    app.ok("heartbeat")


@needs_root
def test_the_rules_hold_for_who_only_reads(roots):
    """What would be rolled back with the rights of the owner might be rolled back with any."""
    roots.database.chmod(0o666)
    as_nobody = become(NOBODY)

    assert refused(roots, "status", under=as_nobody)["path"] == str(roots.database)
    roots.database.chmod(0o644)
    roots.ok("status", under=as_nobody)


# What lies beside the database.


def make_link(path):
    path.symlink_to("/nowhere")


def make_second_name(path):
    other = path.with_name("other")
    other.touch(0o600)
    os.link(other, path)


SIDECARS = {
    "a symbolic link": (make_link, "is no regular file"),
    "a FIFO": (os.mkfifo, "is no regular file"),
    "a directory": (Path.mkdir, "is no regular file"),
    "a second name": (make_second_name, "has a second name"),
    "open to all": (lambda path: (path.touch(), path.chmod(0o666)), "can be written by others"),
}


@pytest.mark.parametrize("suffix", ["journal", "wal", "shm"])
@pytest.mark.parametrize("kind", SIDECARS)
def test_what_sqlite_would_obey_is_a_plain_file_or_nothing(bangui, suffix, kind):
    """Neither does a FIFO hang a command, nor does a link lead SQLite astray; doctor says the same."""
    make, reason = SIDECARS[kind]
    make(beside(bangui, suffix))

    for command in (["heartbeat"], ["add", "192.0.2.1"], ["status"], ["init"]):
        event = refused(bangui, *command)
        assert event["path"] == str(beside(bangui, suffix))
        assert reason in event["error"]
        assert str(beside(bangui, suffix)) in event["hint"] or "remove it" in event["hint"]
    found = bangui.run("doctor", "--format", "json")
    check = next(each for each in found.json["checks"] if each["name"] == "permissions")
    assert (found.code, check["verdict"]) == (77, "error")
    assert reason in check["detail"]


@needs_root
@pytest.mark.parametrize("suffix", ["journal", "wal", "shm"])
def test_a_file_beside_the_database_that_is_another_users_is_refused(app, suffix):
    """Whoever could make it may have gone since; the file has not."""
    give(beside(app, suffix).touch() or beside(app, suffix), user_id=WEB)

    event = refused(app, "heartbeat")
    assert (event["path"], event["owner"]) == (str(beside(app, suffix)), "www-data")
    assert f"chown --reference={app.database} {beside(app, suffix)}" in event["hint"]


@needs_root
def test_what_root_left_beside_a_users_database_is_to_be_given_to_him(app):
    """It may hold what undoes a half-done write: nobody is told to delete it."""
    beside(app, "journal").write_bytes(journals.bare(app.database, 1))
    beside(app, "journal").chmod(0o600)

    event = refused(app, "heartbeat")
    assert event["hint"].endswith(f"chown --reference={app.database} {beside(app, 'journal')}")
    found = app.run("doctor", "--format", "json").json["checks"]
    check = next(each for each in found if each["name"] == "database_writable")
    assert str(beside(app, "journal")) in check["detail"]
    assert check["remedy"] == event["hint"]
    assert app.database.stat().st_size > 4096


@needs_root
def test_a_shared_memory_file_that_others_cut_short_ends_no_run(app):
    """In a WAL database it is mapped: to touch what is gone of it would be SIGBUS, without a word."""
    app.ok("init", "--journal-mode", "wal", "--force")
    app.database.chmod(0o666)
    app.home.chmod(0o777)
    shared = beside(app, "shm")
    shared.write_bytes(bytes(32768))
    give(shared, 0o666)

    def cut():
        while shared.exists():
            os.truncate(shared, 0)

    cutter = others.start_as(WEB, cut)
    try:
        codes = {app.run("heartbeat").code for _ in range(10)}
    finally:
        shared.unlink()
        os.waitpid(cutter, 0)

    assert codes == {77}


# Two names.


@pytest.fixture
def other_name(bangui):
    path = bangui.home / "other" / "bangui.db"
    path.parent.mkdir()
    os.link(bangui.database, path)
    return path


def test_a_hard_link_is_a_warning_in_each_job(bangui, other_name):
    """A run that is killed leaves its journal beside one name; who comes by the other reads a broken file."""
    for job in (["heartbeat"], ["flush"], ["flush", "-d", other_name]):
        event = bangui.ok(*job).events[0]
        assert (event["event"], event["level"], event["names"]) == (
            "database_has_second_name",
            "warning",
            2,
        )

    found = bangui.run("doctor", "--format", "json")
    check = next(each for each in found.json["checks"] if each["name"] == "second_name")
    assert (found.code, check["verdict"]) == (78, "error")
    assert f"-samefile {bangui.database}" in check["remedy"]

    other_name.unlink()
    assert bangui.ok("heartbeat").stderr == ""


@needs_root
@pytest.mark.parametrize("command", everything.COMMANDS)
def test_a_file_that_is_mounted_under_another_name_is_refused(bangui, command):
    """As into a container: there its journal would stand where the host does not see it."""
    inside = bangui.home / "container" / "bangui.db"
    inside.parent.mkdir()
    inside.touch()
    mount = f'mount --bind "{bangui.database}" "{inside}" && exec "$@"'
    private = ["unshare", "-m", "--propagation", "private", "sh", "-c", mount, "sh"]
    if subprocess.run([*private, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")

    ended = everything.run(bangui, command, "-d", inside, under=private)

    assert ended.code == 78, ended
    assert "mount the directory" in ended.stderr + ended.stdout


@needs_root
def test_a_directory_that_is_mounted_is_the_way_to_go(bangui):
    """Its sidecars are there under both names; also by way of a link."""
    inside = bangui.home / "container"
    inside.mkdir()
    (bangui.home / "link").symlink_to(inside)
    mount = f'mount --bind "{bangui.home}" "{inside}" && exec "$@"'
    private = ["unshare", "-m", "--propagation", "private", "sh", "-c", mount, "sh"]
    if subprocess.run([*private, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")

    bangui.ok("heartbeat", "-d", inside / "bangui.db", under=private)
    bangui.ok("heartbeat", "-d", bangui.home / "link" / "bangui.db", under=private)
