"""What SQLite refuses in the middle of a pass is a state with an exit code and a hint, and loses nothing."""

import os
import sqlite3
from contextlib import closing

import pytest
from flushing import count, stage_many, wait_until_some_moved

from bangui_cli.states.errors import BanguiError, DatabaseBusy
from bangui_cli.store.sqlite import faults
from bangui_cli.store.sqlite.session import lock_wait


def test_a_trigger_of_another_hand_is_named(bangui):
    """Neither a bug of ours nor a reason to lose the batch."""
    bangui.execute(
        "CREATE TRIGGER no BEFORE INSERT ON geo_cache BEGIN SELECT RAISE(ABORT, 'no more rows'); END"
    )
    stage_many(bangui, 3)

    ended = bangui.run("flush", "--json")

    assert (ended.code, ended.json["outcome"], ended.json["remaining"]) == (65, "error", 3)
    assert "no more rows" in ended.events[-1]["error"]
    assert ".schema" in ended.events[-1]["hint"]
    assert (count(bangui, "geo_cache"), count(bangui, "geo_cache_dirty")) == (0, 3)


def test_a_column_that_must_not_be_null_is_named(bangui):
    """BanGUI may grow a column that no row of ours has."""
    bangui.execute("DROP TABLE geo_cache")
    bangui.execute(
        "CREATE TABLE geo_cache (ip TEXT PRIMARY KEY, country_code TEXT, country_name TEXT, asn TEXT, "
        "org TEXT, cached_at TEXT NOT NULL, last_seen TEXT, score REAL NOT NULL)"
    )
    stage_many(bangui, 3)

    ended = bangui.run("flush")

    assert (ended.code, count(bangui, "geo_cache_dirty")) == (65, 3)
    assert "geo_cache.score" in ended.events[-1]["error"]


@pytest.mark.parametrize("table", ["geo_cache", "geo_cache_dirty", "scheduler_lock", "job_state"])
def test_a_table_that_is_gone_wants_init(bangui, table):
    """The hint is the command that makes it again, and does."""
    stage_many(bangui, 1)
    bangui.execute(f"DROP TABLE {table}")

    ended = bangui.run("flush")

    assert (ended.code, "bangui init" in ended.events[-1]["hint"]) == (66, True)
    bangui.ok("init")
    bangui.ok("flush")


def test_a_database_that_is_deleted_under_a_flush_is_missed(bangui):
    """What SQLite calls read-only then is a file that nobody will find again."""
    stage_many(bangui, 60_000)
    flush = bangui.start("flush", "--batch-size", "10", "--json")
    wait_until_some_moved(bangui)
    os.unlink(bangui.database)

    ended = bangui.end(flush)

    assert (ended.code, ended.json["outcome"]) == (66, "error")
    assert "moved or deleted" in ended.events[-1]["error"]
    assert not bangui.database.exists()


def test_a_commit_of_another_process_between_two_steps_is_waited_for(bangui):
    """Each step that wants SQLite's lock has the patience of the deadline: none gives up at once."""
    stage_many(bangui, 2000)
    jobs = [bangui.start("flush", "--batch-size", "100", "--json") for _ in range(2)]
    with closing(sqlite3.connect(bangui.database, timeout=10, isolation_level=None)) as other:
        while any(job.poll() is None for job in jobs):
            other.execute("BEGIN EXCLUSIVE")
            other.execute("COMMIT")

    assert [bangui.end(job).code for job in jobs] == [0, 0]


def test_the_hint_of_a_wait_in_vain_can_be_pasted():
    """It asks who keeps the very file open that was waited for."""
    with pytest.raises(DatabaseBusy) as busy:
        lock_wait("/srv/my db/b.db", 0.0).check()

    assert busy.value.hint.endswith("fuser -v '/srv/my db/b.db'")


# All of SQLite's primary results but successes, notices, and what only a fault of the program brings about.
RESULTS = [
    "PERM",
    "BUSY",
    "LOCKED",
    "READONLY",
    "IOERR",
    "CORRUPT",
    "FULL",
    "CANTOPEN",
    "PROTOCOL",
    "SCHEMA",
    "TOOBIG",
    "CONSTRAINT",
    "MISMATCH",
    "AUTH",
    "NOTADB",
]


@pytest.mark.parametrize("name", [f"SQLITE_{result}" for result in RESULTS])
def test_each_result_that_can_happen_has_a_state(name, tmp_path):
    """A new kind of failure must not reach an operator as a bug."""
    path = tmp_path / "bangui.db"
    path.touch()
    error = sqlite3.OperationalError("told by SQLite")
    error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, name), name

    state = faults.translate(error, str(path))

    assert isinstance(state, BanguiError)
    assert state.exit_code in (65, 66, 74, 75, 77)
    assert "told by SQLite" in state.error
