"""The schema: made, upgraded, adopted from BanGUI, refused where it is newer or another's."""

import os
import signal
import sqlite3
import stat
import time

import banguis
import pytest
from conftest import Bangui

from bangui_cli.store.sqlite.schema import MIGRATIONS
from bangui_cli.store.sqlite.versions import wal_is_sound

NOW = "2026-01-02T03:04:05.678Z"
# A whole database of BanGUI, and statements of its web application.
BANGUI_DATABASE = f"""{banguis.TABLES}
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO settings VALUES ('theme', 'dark');
INSERT INTO geo_cache VALUES ('198.51.100.7', 'FR', 'France', 'AS64500', 'Exemple', '2026-01-01T00:00:00Z');
PRAGMA user_version = 7;
"""
BANGUI_INSERT = """
INSERT INTO geo_cache (ip, country_code, country_name, asn, org) VALUES (?, 'SE', 'Sweden', NULL, NULL)
ON CONFLICT (ip) DO UPDATE SET country_code = excluded.country_code,
    cached_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"""
BANGUI_TAKES_LOCK = """
INSERT INTO scheduler_lock (id, pid, hostname, created_at, heartbeat_at, heartbeat_timeout)
VALUES (1, 4711, 'webapp', ?, ?, 300)"""


@pytest.fixture(params=["delete", "wal"])
def adoptable(bare: Bangui, request: pytest.FixtureRequest) -> Bangui:
    """Lay out BanGUI's own database, in either journal mode, with rows and without a holder."""
    connection = sqlite3.connect(bare.database)
    connection.execute(f"PRAGMA journal_mode = {request.param}")
    connection.executescript(BANGUI_DATABASE)
    connection.close()
    return bare


def tables(bangui: Bangui) -> dict[str, str]:
    return dict(bangui.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))


def test_new_tables_are_strict_and_those_with_addresses_have_no_rowid(bangui: Bangui):
    """Ordinary rowid tables would make a flush of a million rows ten times slower."""
    made = tables(bangui)

    for name in ("geo_cache", "geo_cache_dirty", "scheduler_lock", "job_state"):
        assert "STRICT" in made[name]
    for name in ("geo_cache", "geo_cache_dirty"):
        assert "WITHOUT ROWID" in made[name]
    assert "CHECK" not in made["geo_cache"]
    assert bangui.rows("PRAGMA journal_mode") == [("delete",)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ip", None),
        ("ip", "192.0.2.1; DROP"),
        ("ip", "2001:DB8::1"),
        ("ip", "1" * 40),
        ("country_code", "DEU"),
        ("country_code", "de"),
        ("country_name", "x" * 201),
        ("country_name", ""),
        ("asn", "64496"),
        ("asn", "AS64496x"),
        ("asn", "AS"),
        ("org", "x" * 201),
        ("org", b"\xff"),
        ("resolved_at", None),
        ("resolved_at", "2026-01-02T03:04:05Z"),
        ("resolved_at", "yesterday"),
    ],
)
def test_no_row_gets_into_the_dirty_set_that_could_block_a_flush(
    bangui: Bangui, column: str, value: object
):
    """The CHECKs hold against any program, not only against this one."""
    row = {
        "ip": "192.0.2.1",
        "country_code": "DE",
        "country_name": "Germany",
        "asn": "AS64496",
        "org": "Org",
        "resolved_at": NOW,
    }
    statement = "INSERT INTO geo_cache_dirty VALUES (:ip, :country_code, :country_name, :asn, :org, :resolved_at)"
    bangui.execute(statement, **row)
    bangui.execute("DELETE FROM geo_cache_dirty")

    with pytest.raises(sqlite3.IntegrityError):
        bangui.execute(statement, **{**row, column: value})


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_the_file_is_private_whatever_the_umask(bare: Bangui, umask: int):
    """Addresses of visitors are personal data."""
    database = bare.home / "new" / "newer" / "bangui.db"

    bare.ok("init", "-d", database, preexec_fn=lambda: os.umask(umask))

    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert [stat.S_IMODE(parent.stat().st_mode) for parent in database.parents[:2]] == [0o700] * 2


@pytest.mark.parametrize(
    "arguments", [["flush"], ["heartbeat"], ["add", "192.0.2.1"], ["status"], ["lock", "release"]]
)
def test_no_other_command_creates_a_database(bare: Bangui, arguments: list[str]):
    """A typing mistake in a crontab must not make an empty database."""
    ended = bare.run(*arguments)

    assert ended.code == 66
    assert "bangui init" in ended.events[-1]["hint"]
    assert not bare.database.exists()


@pytest.mark.parametrize(
    "arguments", [["flush"], ["heartbeat"], ["add", "192.0.2.1"], ["status"], ["init"]]
)
def test_a_newer_schema_is_refused(bangui: Bangui, arguments: list[str]):
    """A migration that this bangui does not know may have changed what its statements mean."""
    bangui.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('bangui', '9999_later')"
    )

    ended = bangui.run(*arguments)

    assert ended.code == 78
    assert "newer" in ended.events[-1]["error"]


def test_an_older_schema_wants_init(bangui: Bangui):
    """The jobs never migrate; they name the command that does."""
    bangui.execute("DELETE FROM _sqlite_migrations")

    ended = bangui.run("flush")

    assert ended.code == 66
    assert "bangui init" in ended.events[-1]["hint"]


def test_another_programs_database_is_left_alone(bare: Bangui):
    """Given fail2ban's own database by mistake, `init` adds nothing to it."""
    bare.execute("CREATE TABLE fail2banDb (version INTEGER)")
    before = bare.database.read_bytes()

    ended = bare.run("init")

    assert ended.code == 65
    assert "fail2banDb" in ended.events[-1]["error"]
    assert bare.database.read_bytes() == before


def test_tables_that_were_made_anew_get_their_columns_back(adoptable: Bangui):
    """BanGUI drops its lock table, or another hand the job's record: `init` adds what is missing."""
    adoptable.ok("init")
    adoptable.ok("heartbeat")
    adoptable.execute("DROP TABLE job_state")
    adoptable.execute("DROP TABLE scheduler_lock")
    adoptable.execute(
        next(sql for sql in banguis.TABLES.split(";") if "CREATE TABLE scheduler_lock" in sql)
    )
    broken = adoptable.run("heartbeat")

    healed = adoptable.ok("init").events[-1]

    assert (broken.code, "bangui init" in broken.events[-1]["hint"]) == (66, True)
    assert (healed["migrations_applied"], healed["adopted"]) == ([], False)
    assert adoptable.ok("heartbeat", "--json").json["lock"]["outcome"] == "created"


def test_init_writes_nothing_into_a_current_database(bangui: Bangui):
    """It is safe to repeat, in a package's script or a container's start, at every boot."""
    content = bangui.database.read_bytes()

    bangui.ok("init")

    assert bangui.database.read_bytes() == content


def test_several_inits_at_once_all_succeed(bare: Bangui):
    """Cron and a package's script may start them in the same second."""
    for _ in range(2):
        bare.database.unlink(missing_ok=True)
        ended = [bare.end(process) for process in [bare.start("init") for _ in range(6)]]

        assert [one.code for one in ended] == [0] * 6, ended
        applied = [event["migrations_applied"] for one in ended for event in one.events]
        assert sorted(map(len, applied)) == [0] * 5 + [len(MIGRATIONS)]


def test_an_init_that_was_killed_can_be_repeated(bare: Bangui):
    """What it leaves behind is nothing, or all of it."""
    for delay_s in (0.05, 0.1, 0.15, 0.2):
        bare.database.unlink(missing_ok=True)
        process = bare.start("init")
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        bare.end(process)

        bare.ok("init")
        bare.ok("flush")


def test_adoption_only_adds(adoptable: Bangui):
    """Rows, journal mode, user_version and BanGUI's other tables stay as they were."""
    journal_mode = adoptable.rows("PRAGMA journal_mode")
    cached = adoptable.rows("SELECT * FROM geo_cache")

    event = adoptable.ok("init").events[-1]

    assert event["adopted"] is True
    assert adoptable.rows("PRAGMA journal_mode") == journal_mode
    assert adoptable.rows("PRAGMA user_version") == [(7,)]
    assert adoptable.rows("SELECT * FROM settings") == [("theme", "dark")]
    columns = "ip, country_code, country_name, asn, org, cached_at"
    assert adoptable.rows(f"SELECT {columns} FROM geo_cache") == cached
    assert adoptable.ok("init").events[-1]["migrations_applied"] == []


def test_bangui_goes_on_working_in_an_adopted_database(adoptable: Bangui):
    """Its own statements neither fail nor lose what this tool flushed."""
    adoptable.ok("init")
    adoptable.ok("add", "203.0.113.9", "--country-code", "NL")
    adoptable.ok("flush")

    adoptable.execute(BANGUI_INSERT, "203.0.113.9")
    adoptable.execute(BANGUI_INSERT, "203.0.113.10")
    adoptable.execute("INSERT OR IGNORE INTO geo_cache (ip) VALUES ('203.0.113.11')")

    found = adoptable.run("lookup", "203.0.113.9", "203.0.113.10", "198.51.100.7", "--json").json
    assert [row["country_code"] for row in found] == ["SE", "SE", "FR"]


def test_bangui_also_writes_into_a_new_database(bangui: Bangui):
    """Its inserts leave `cached_at` to a default, and CHECKs would refuse some of them."""
    bangui.execute(BANGUI_INSERT, "203.0.113.10")

    assert bangui.ok("lookup", "203.0.113.10", "--json").json[0]["country_code"] == "SE"


def test_banguis_live_lock_is_respected_and_its_dead_one_taken_over(adoptable: Bangui):
    """While the web application's scheduler runs, this instance stands by."""
    adoptable.execute(BANGUI_TAKES_LOCK, time.time() - 400, time.time() - 100)
    adoptable.ok("init")

    held = adoptable.run("flush")
    assert held.code == 75
    assert held.events[-1]["hostname"] == "webapp"

    adoptable.execute("UPDATE scheduler_lock SET heartbeat_at = ?", time.time() - 301)
    ended = adoptable.ok("flush", "--json")
    assert ended.json["lock"]["outcome"] == "taken_over"
    assert ended.events[-1]["previous_hostname"] == "webapp"


def test_a_table_that_is_not_banguis_is_not_adopted(bare: Bangui):
    """Statements that rely on a key would fail later, in the middle of a night."""
    bare.execute("CREATE TABLE geo_cache (ip TEXT, cached_at TEXT)")

    ended = bare.run("init")

    assert ended.code == 65
    assert "geo_cache" in ended.events[-1]["error"]
    assert list(tables(bare)) == ["geo_cache"]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
    ],
)
def test_wal_is_sound_only_where_the_fault_is_mended(version: tuple[int, ...], expected: bool):
    """SQLite 3.51.3 mends it, and the backports 3.44.6 and 3.50.7 do."""
    assert wal_is_sound(version) is expected


@pytest.mark.skipif(wal_is_sound(sqlite3.sqlite_version_info), reason="this SQLite has the fault mended")
def test_wal_on_a_faulty_sqlite_needs_force(bare: Bangui):
    """Jobs that cron starts at second 0 are just the case that corrupts it."""
    refused = bare.run("init", "--journal-mode", "wal")

    assert refused.code == 78
    assert "--force" in refused.events[-1]["hint"]
    assert not bare.database.exists()
    bare.ok("init", "--journal-mode", "wal", "--force")
    assert bare.rows("PRAGMA journal_mode") == [("wal",)]
