"""Root reads the database of an unprivileged fail2ban by a child that is that user, and obeys nothing in it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import geoip
import journals
import others
import pytest
from conftest import Bangui
from others import NOBODY, give, needs_root

from bangui_cli.fail2ban import bans, counting, reading
from bangui_cli.fail2ban import database as fail2ban
from bangui_cli.fail2ban.bans import read_page
from bangui_cli.fail2ban.reading import Reading, ReadingByOwner, open_reading
from bangui_cli.rules.watermark import Mark
from bangui_cli.states.errors import (
    BanguiError,
    DatabaseBusy,
    DatabaseCorrupt,
    NotADatabase,
    PermissionRefused,
    Untrusted,
)

pytestmark = needs_root
ROOT, DAEMON = 0, 1

NOW_S = 1_790_000_000
BANS = [
    ("sshd", "192.0.2.1", NOW_S - 10, 600), ("web", "192.0.2.1", NOW_S - 20, 600),
    (b"\xff", b"\xfe::", NOW_S, 600), ("web", "192.0.2.2", "no time", 600), ("web", 1.5, NOW_S, 2**62),
]  # fmt: skip


@pytest.fixture
def place():
    with others.open_place() as place:
        give(place)
        yield place


@pytest.fixture
def path(place):
    """Make the database of a fail2ban that does not run as root, in a directory of its own."""
    return str(give(geoip.write_fail2ban(place / "f2b.sqlite3", BANS, BANS), 0o600))


def test_root_reads_what_the_owner_would(path, tmp_path, monkeypatch):
    """Whatever is in it: bytes that are no text, numbers, nothing."""
    monkeypatch.setattr(bans, "_HOLD_S", 30.0)  # a page of a busy machine is shorter
    own = tmp_path / "own.sqlite3"
    own.write_bytes(Path(path).read_bytes())
    wanted = "SELECT jail, ip, timeofban, bantime, 0.1, NULL, x'00ff' FROM bans WHERE jail IS NOT :jail"
    asked = {"jail": b"web"}

    with open_reading(str(own)) as mine, open_reading(path) as theirs:
        assert (type(mine), type(theirs)) == (Reading, ReadingByOwner)
        assert mine.fetch(wanted, asked) == theirs.fetch(wanted, asked) != []
    assert fail2ban.read_addresses(str(own)) == fail2ban.read_addresses(path)
    assert fail2ban.read_jails(str(own)) == fail2ban.read_jails(path)
    assert read_page(str(own), Mark()) == read_page(path, Mark())
    asked = counting.Asked(("web",), 1)
    for by in (counting.ADDRESS, counting.JAIL, counting.TIME):
        assert counting.count_bans(str(own), by, asked) == counting.count_bans(path, by, asked) != {}
    assert counting.list_moments(str(own)) == counting.list_moments(path) != {}
    assert counting.list_active(str(own), NOW_S) == counting.list_active(path, NOW_S)


def test_whatever_a_reading_can_do_a_child_does():
    """A method that is forgotten would be done here, without a connection."""
    verbs = {name for name, value in vars(Reading).items() if callable(value) and name[0] != "_"}

    assert verbs - {"require_tables"} <= vars(ReadingByOwner).keys()


def test_a_report_of_roots_shows_the_bans_of_another_users_fail2ban(bangui: Bangui, path):
    """Root was refused (77), and the owner cannot reach root's cache: nobody could make the report."""
    ended = bangui.ok("report", f"--fail2ban={path}", "--format", "json")

    assert ended.json["total"] == 5


@pytest.mark.parametrize("owner", [ROOT, NOBODY, DAEMON])
def test_bans_that_only_one_user_may_read_are_remembered_in_the_database_of_another(place, owner):
    """As beside BanGUI: root gives its rights up for the database, before it has read a page of bans."""
    bangui = Bangui(place)
    bangui.ok("init")
    for file in place.iterdir():
        give(file)
    with others.open_place() as elsewhere:
        theirs = geoip.write_fail2ban(elsewhere / "f2b.sqlite3", BANS[:2])
        give(theirs, 0o600, owner)
        ended = bangui.ok("collect", f"--fail2ban={theirs}", "--json")

    assert (ended.json["read"], ended.json["recorded"]) == (2, 2)
    assert bangui.database.stat().st_uid == NOBODY


def test_who_gives_its_rights_up_is_told_what_is_the_matter_with_the_bans(place):
    """As one who keeps them."""
    bangui = Bangui(place)
    bangui.ok("init")
    give(bangui.database)

    ended = bangui.run("collect", "--fail2ban=/absent/f2b.sqlite3", "--json")

    assert (ended.code, ended.json["outcome"], ended.event_names) == (
        66,
        "error",
        ["history_sync_error"],
    )


def test_what_is_the_matter_is_told_as_the_owner_would_tell_it(place, path, monkeypatch):
    """The states of the file, of the queries, and of who may not reach it."""
    with open_reading(path) as theirs, pytest.raises(sqlite3.OperationalError, match="no such column"):
        theirs.fetch("SELECT absent FROM bans")
    with pytest.raises(NotADatabase, match="is not an SQLite database"):
        fail2ban.read_jails(str(give(_written(place / "text", b"x" * 4096))))
    with pytest.raises(PermissionRefused):
        fail2ban.read_jails(str(give(_written(place / "closed", b""), 0o000)))
    monkeypatch.setattr(reading, "_WAIT_S", 0.1)
    with closing(sqlite3.connect(path)) as server:
        server.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseBusy):
            fail2ban.read_jails(path)
    monkeypatch.setattr(Reading, "fetch", lambda *_: os.kill(os.getpid(), 11))
    with pytest.raises(DatabaseCorrupt, match="gave no answer"):
        fail2ban.read_jails(path)


@pytest.mark.parametrize("mode", [0o666, 0o777])
def test_a_third_user_who_could_change_it_leads_nobody_astray(place, path, mode):
    """Neither root nor the owner, whose other files would be within reach."""
    (place if mode == 0o777 else Path(path)).chmod(mode)

    with pytest.raises(Untrusted):
        fail2ban.read_addresses(path)


def test_root_gives_no_file_away_beside_a_database_of_another_user(place, path):
    """SQLite gives a -shm to the owner of the database, and cuts it: another file may have that name."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    victim = _written(Path(place, "victim"), b"secret")
    victim.chmod(0o600)
    os.link(victim, f"{path}-shm")

    with pytest.raises(BanguiError):
        fail2ban.read_addresses(path)

    assert (victim.read_bytes(), victim.stat().st_uid, victim.stat().st_mode & 0o777) == (
        b"secret",
        0,
        0o600,
    )


def test_a_hot_journal_beside_it_deletes_no_file_of_roots(place, path):
    """The child may roll it back, with the rights of its owner alone."""
    victim = _written(Path(place.parent, f"{place.name}-victim"), b"secret")
    try:
        give(_written(Path(f"{path}-journal"), journals.naming(Path(path), victim)))
        with pytest.raises(BanguiError):
            fail2ban.read_addresses(path)
        assert victim.read_bytes() == b"secret"
    finally:
        victim.unlink()


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
