"""A database of the version before is upgraded by `init`, all at once, and by nothing else."""

import contextlib
import signal
import sqlite3
from pathlib import Path

import pytest
from invariants import check_integrity, check_run
from workload import STORE_CALLS, count_calls, needs_strace, strace

# Made by the version before: `init`, two entries flushed, two waiting, one of them of a cached address.
FORMER = (Path(__file__).parents[1] / "data/schema-0001.sql").read_text()
# What BanGUI keeps in the same file.
OF_BANGUI = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO settings VALUES ('theme', 'dark');
ALTER TABLE geo_cache ADD COLUMN isp TEXT;
UPDATE geo_cache SET isp = 'Example';
PRAGMA user_version = 7;
"""
KEPT = ("geo_cache", "geo_cache_dirty", "scheduler_lock")
KILLS = 3


def make_former(bangui, more=""):
    """Put a database of the version before into place."""
    for path in bangui.home.glob("bangui.db*"):
        path.unlink()
    with contextlib.closing(sqlite3.connect(bangui.database)) as connection:
        connection.executescript(FORMER + more)
    bangui.database.chmod(0o600)


def dump(bangui):
    with contextlib.closing(bangui.connect()) as connection:
        return list(connection.iterdump())


def schema(bangui):
    return dict(bangui.rows("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))


@pytest.fixture
def former(bare):
    make_former(bare)
    return bare


def test_a_former_database_is_upgraded_with_all_that_is_in_it(former):
    """The state of a job under the lock is that of no instance."""
    kept = [former.rows(f"SELECT * FROM {table}") for table in KEPT]
    state = "job_id, last_started_at, last_outcome, last_count, last_token, runs_total, flushed_total"
    jobs = former.rows(f"SELECT {state} FROM job_state")

    [event] = former.ok("init").events

    assert event["migrations_applied"] == ["0002_memory"]
    assert [former.rows(f"SELECT * FROM {table}") for table in KEPT] == kept
    assert former.rows(f"SELECT {state} FROM job_state WHERE instance = ''") == jobs
    assert former.ok("flush", "--json", "--wait", "1s").json["flushed"] == 2
    assert former.ok("init").events[-1]["migrations_applied"] == []


def test_an_upgraded_database_is_like_a_new_one(former, tmp_path):
    """Nobody can tell later which way it came."""
    former.ok("init")
    upgraded = schema(former)
    former.database = tmp_path / "new.db"
    former.ok("init", "-d", former.database)

    assert upgraded == schema(former)


def test_what_bangui_keeps_there_stays_as_it_is(bare):
    """Its tables, its columns, its version of the file."""
    make_former(bare, OF_BANGUI)
    before = dump(bare)

    bare.ok("init")

    ours = ("job_state", "_sqlite_migrations", "ban_history", "collect_state", "sqlite_sequence")
    lost = [line for line in set(before) - set(dump(bare)) if not any(name in line for name in ours)]
    assert lost == []
    assert bare.rows("PRAGMA user_version") == [(7,)]


@pytest.mark.parametrize(
    "arguments",
    [["flush"], ["heartbeat"], ["collect"], ["add", "192.0.2.9"], ["status"], ["lookup", "192.0.2.1"]],
    ids=" ".join,
)
def test_without_init_a_former_database_is_refused_and_left_alone(former, arguments):
    """The jobs never migrate; they name the command that does."""
    before = former.database.read_bytes()

    ended = former.run(*arguments)

    assert ended.code == 66
    assert "bangui init" in ended.events[-1]["hint"]
    assert former.database.read_bytes() == before


def test_of_many_that_upgrade_at_once_one_does(former):
    """Several containers start at once, after an update of the image."""
    ended = [former.end(process) for process in [former.start("init") for _ in range(6)]]

    assert [one.code for one in ended] == [0] * 6, ended
    applied = [event["migrations_applied"] for one in ended for event in one.events]
    assert sorted(applied) == [[]] * 5 + [["0002_memory"]]


@needs_strace
@pytest.mark.parametrize("kills", [KILLS, pytest.param(100, marks=pytest.mark.torture)])
def test_an_upgrade_that_is_killed_is_done_or_not_begun(former, kills):
    """At whatever write or sync: nothing in between, and nothing is lost."""
    calls = count_calls(former.command("init"), env=former.environment)
    for number in range(1, calls + 1, max(calls // kills, 1)):
        make_former(former)
        inject = f"inject={STORE_CALLS}:signal=KILL:when={number}"
        ended = former.run("init", under=strace("-e", f"trace={STORE_CALLS}", "-e", inject))
        heartbeat = former.run("heartbeat", "--held-ok")
        check_run(heartbeat.code, heartbeat.stderr)
        is_upgraded = "instance" in schema(former)["job_state"]

        assert ended.code == -signal.SIGKILL or is_upgraded
        assert heartbeat.code == (0 if is_upgraded else 66)
        check_integrity(former.database)
        former.ok("init")
        assert former.rows("SELECT runs_total FROM job_state WHERE job_id = 'geo_cache_flush'") == [(1,)]
        assert former.rows("SELECT count(*) FROM geo_cache") == [(2,)]
