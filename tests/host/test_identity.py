"""Root becomes another user for good, with what is that user's and with nothing of root's."""

import importlib
import os
import pwd
import signal
import sys

import others
import pytest
from others import NOBODY, needs_root

from bangui_cli.host import identity

pytestmark = needs_root
BARE_USER, BARE_GROUP = 54321, 54322


def in_child(act):
    """Do something in a child, so that this process stays who it is; an error there is one here."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0


def test_a_user_comes_with_his_groups():
    """Those that login(1) would give him, and no other."""
    user = pwd.getpwnam("www-data")

    def become():
        os.umask(0o027)
        identity.take(user.pw_uid, 0)

        assert os.getresuid() == (user.pw_uid,) * 3
        assert os.getresgid() == (user.pw_gid,) * 3
        assert set(os.getgroups()) == set(os.getgrouplist("www-data", user.pw_gid))
        assert os.umask(0) == 0o027

    in_child(become)


def test_a_user_whom_the_system_does_not_know_has_one_group():
    def become():
        identity.take(BARE_USER, BARE_GROUP)

        assert os.getresuid() == (BARE_USER,) * 3
        assert os.getresgid() == (BARE_GROUP,) * 3
        assert os.getgroups() in ([], [BARE_GROUP])

    in_child(become)


def test_nobody_comes_back():
    """Neither at once nor by way of one ID after the other."""

    def become():
        identity.take(NOBODY, NOBODY)

        for back in (
            os.setuid,
            os.seteuid,
            os.setgid,
            os.setegid,
            lambda user_id: os.setgroups([user_id]),
        ):
            with pytest.raises(PermissionError):
                back(0)

    in_child(become)


def test_what_is_open_stays_open(tmp_path):
    """Also what the user may not open."""
    path = tmp_path / "private"
    path.write_text("content")
    path.chmod(0o600)

    def become():
        with path.open() as file:
            identity.take(NOBODY, NOBODY)

            assert file.read() == "content"
            with pytest.raises(PermissionError):
                path.open()

    in_child(become)


def test_modules_are_found_where_the_user_cannot_go(tmp_path, monkeypatch):
    """In a package that was imported before, and beside it; what he can reach is found by its name."""
    library = tmp_path / "library"
    (library / "early").mkdir(parents=True)
    for name in ("early/__init__.py", "early/later.py", "alone.py"):
        (library / name).write_text(f"NAME = {name!r}\n")
    monkeypatch.setattr(sys, "path", [str(library), "/usr/lib", "", "/nowhere", *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def become():
        importlib.import_module("early")
        identity.take(NOBODY, NOBODY)
        assert not os.access(library, os.X_OK)

        assert importlib.import_module("early.later").NAME == "early/later.py"
        assert importlib.import_module("alone").NAME == "alone.py"
        assert sys.path[1:4] == ["/usr/lib", "", "/nowhere"]

    in_child(become)


def test_a_user_is_asked_as_himself():
    """The answer is his, and the one who asked stays who he was."""
    with others.open_place() as place:
        place.chmod(0o700)
        assert identity.ask_as(NOBODY, NOBODY, lambda: os.access(place, os.X_OK)) == 0
        place.chmod(0o755)
        assert identity.ask_as(NOBODY, NOBODY, lambda: os.access(place, os.X_OK)) == 1
    assert os.geteuid() == 0


def test_a_user_who_cannot_be_asked_gives_no_answer(capfd):
    """Only root can ask as others do; nor is a child that dies an answer."""
    assert identity.ask_as(NOBODY, NOBODY, lambda: os.kill(os.getpid(), signal.SIGKILL)) is None
    assert identity.ask_as(NOBODY, NOBODY, lambda: 1 // 0) is None

    def ask():
        identity.take(NOBODY, NOBODY)
        assert identity.ask_as(1, 1, lambda: 7) is None

    in_child(ask)
    assert "Traceback" not in capfd.readouterr().err
