"""What SQLite refuses in the middle of a pass is a state with an exit code and a hint, and loses nothing."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest
from flushing import count, stage_many, wait_until_some_moved
from others import needs_root

from bangui_cli.states.errors import BanguiError, DatabaseBusy
from bangui_cli.store.sqlite import faults
from bangui_cli.store.sqlite.session import lock_wait

needs_prlimit = pytest.mark.skipif(not shutil.which("prlimit"), reason="prlimit is not installed")


def test_a_trigger_of_another_hand_is_named(bangui):
    """Neither a bug of ours nor a reason to lose the batch."""
    bangui.execute(
        "CREATE TRIGGER no BEFORE INSERT ON geo_cache BEGIN SELECT RAISE(ABORT, 'no more rows'); END"
    )
    stage_many(bangui, 3)

    ended = bangui.run("flush", "--json")

    assert (ended.code, ended.json["outcome"], ended.json["remaining"]) == (65, "error", 3)
    assert "the trigger no stands on geo_cache" in ended.events[-1]["error"]
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


@needs_prlimit
@pytest.mark.parametrize("bytes_", [100, 8192])
@pytest.mark.parametrize("command", [["flush"], ["add", "192.0.2.1"], ["forget", "10.0.0.0/8"]])
def test_a_limit_on_the_size_of_files_is_called_by_its_name(bangui, command, bytes_):
    """SQLite calls it a disk error, and nobody would look for it where it is."""
    stage_many(bangui, 3_000)
    # Python writes as much of a .pyc file as it may, and reads that the next time.
    bangui.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    ended = bangui.run(*command, under=["prlimit", f"--fsize={bytes_}"])

    assert (ended.code, count(bangui, "geo_cache_dirty")) == (74, 3_000)
    assert f"no file may have more than {bytes_:,} bytes" in ended.events[-1]["error"]
    assert "ulimit -f" in ended.events[-1]["hint"]


@needs_prlimit
def test_a_limit_on_the_size_of_files_is_named_for_what_stdout_leads_to(bangui, tmp_path):
    """Not the place that it leads to is the matter."""
    stage_many(bangui, 3_000)
    bangui.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    with (tmp_path / "export").open("w") as file:
        ended = bangui.run("export", stdout=file, under=["prlimit", "--fsize=1024"])

    assert (ended.code, "ulimit -f" in ended.events[-1]["hint"]) == (74, True)


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


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_database_that_is_replaced_under_a_run_is_missed(bangui, journal_mode, tmp_path):
    """As by the restore of a backup: the run ends, and not a byte of it gets into the new file."""
    other = tmp_path / "restored.db"
    shutil.copy(bangui.database, other)
    content = other.read_bytes()
    bangui.ok("init", "--journal-mode", journal_mode, "--force")
    stage_many(bangui, 60_000)
    flush = bangui.start("flush", "--batch-size", "10", "--json")
    wait_until_some_moved(bangui)
    os.replace(other, bangui.database)

    ended = bangui.end(flush)

    assert (ended.code, ended.json["outcome"]) == (74, "error"), ended
    assert "was replaced by another file" in ended.events[-1]["error"]
    assert "opens the new file" in ended.events[-1]["hint"]
    assert bangui.database.read_bytes() == content


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not installed")
def test_a_host_without_a_temporary_directory_sorts_in_memory(bangui, tmp_path):
    """A read-only root is no failing disk; where there is a directory, large sorts go there."""
    bangui.execute(
        """WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
        INSERT INTO geo_cache (ip, org, cached_at) SELECT i, 'Organisation ' || i % 1000, '2026-01-01' FROM n"""
    )
    read_only = "".join(
        f"mount --bind {path} {path} && mount -o remount,ro,bind {path} && "
        for path in ("/tmp", "/var/tmp", "/usr")
    )
    within = ["unshare", "--mount", "sh", "-c", f'{read_only} cd /tmp && exec "$@"', "sh"]
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")

    report = bangui.ok("report", "--by", "org", "--top", "3", "--format", "json", under=within)

    assert report.json["total"] == 100_000


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
    "ERROR",
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
