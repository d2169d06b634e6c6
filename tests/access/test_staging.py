"""Many rows are staged by a thread beside the one that reads: it changes how fast, and nothing else."""

import _thread
import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import closing, contextmanager

import pytest
from conftest import wait_until

from bangui_cli.access.staging import Staging, open_staging
from bangui_cli.rules import pacing
from bangui_cli.rules.entry import Entry, pack
from bangui_cli.states.errors import DatabaseBusy

ROWS = 20_000
# So few are sorted together that an input of some thousand rows is staged in many batches.
SMALL_BATCHES = (
    "from bangui_cli.store.sqlite.store import SqliteStore\nSqliteStore.most_pending_bytes = 70_000\n"
)
PROGRAM = [sys.executable, "-c", SMALL_BATCHES + "from bangui_cli.cli.main import run\nrun()"]
NO_THREAD = ["prlimit", "--stack=200000000000000"]
needs_prlimit = pytest.mark.skipif(not shutil.which("prlimit"), reason="prlimit is not installed")


@pytest.fixture
def source(bangui):
    """Write more rows than one batch takes, in no order."""
    path = bangui.home / "rows.jsonl"
    numbers = random.Random(1).sample(range(2**16), ROWS)
    rows = ({"ip": f"10.0.{n >> 8}.{n & 255}", "org": f"Organisation {n}"} for n in numbers)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def staged_rows(bangui):
    return bangui.rows("SELECT count(*) FROM geo_cache_dirty")[0][0]


@contextmanager
def locked(bangui):
    """Write into the database as another program, slowly."""
    with closing(bangui.connect()) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def threads(process):
    return len(os.listdir(f"/proc/{process.pid}/task"))


@pytest.mark.parametrize(
    "under", [[], pytest.param(NO_THREAD, marks=needs_prlimit)], ids=["", "no thread"]
)
def test_every_row_is_staged(bangui, source, under):
    """Also on a host that has no room for another thread."""
    ended = bangui.ok("import", source, "--json", program=PROGRAM, under=under)

    assert (ended.json["read"], ended.json["staged"]) == (ROWS, ROWS)
    assert staged_rows(bangui) == ROWS


def test_a_big_import_is_written_beside_the_reading(bangui, source):
    """The thread is there while another program's lock keeps it from writing, and ends with it."""
    with locked(bangui):
        process = bangui.start("import", source, program=PROGRAM)
        wait_until(lambda: threads(process) == 3)

    assert bangui.end(process).code == 0


@pytest.mark.parametrize("moments", [4, pytest.param(100, marks=pytest.mark.torture)])
def test_a_signal_at_any_moment_stages_what_was_read(bangui, source, moments):
    """Both what is being written and what waits behind it; the count is that of the database."""
    chance = random.Random(moments)
    for moment in range(moments):
        bangui.execute("DELETE FROM geo_cache_dirty")
        process = bangui.start("import", source, "--json", program=PROGRAM)
        wait_until(lambda: staged_rows(bangui))
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal([signal.SIGINT, signal.SIGTERM][moment % 2])
        ended = bangui.end(process)

        assert ended.code in (130, 143, 0), ended
        assert ended.json["staged"] == staged_rows(bangui)
        assert ended.json["read"] - ended.json["staged"] in (0, 1)
        assert ended.event_names == ["command_failed"] * (ended.code > 0)


def test_a_signal_does_not_wait_for_another_programs_lock(bangui, source):
    """The thread may have half a minute left to wait; the process gives it a second."""
    with locked(bangui):
        process = bangui.start("import", source, "--json", program=PROGRAM)
        wait_until(lambda: threads(process) == 3)
        time.sleep(0.2)
        began_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        ended = bangui.end(process)
        took_s = time.monotonic() - began_s

    assert (ended.code, ended.json["staged"], ended.event_names) == (143, 0, ["command_failed"])
    assert took_s < 10


@pytest.mark.parametrize("pause_s", [0.0, 0.02, 0.3])
def test_a_second_signal_is_no_bug(bangui, source, pause_s):
    """It used to break into the handling of the first: "cannot start a transaction within a transaction"."""
    with locked(bangui):
        process = bangui.start("import", source, "--json", program=PROGRAM)
        wait_until(lambda: threads(process) == 3)
        began_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        time.sleep(pause_s)
        process.send_signal(signal.SIGTERM)
        ended = bangui.end(process)
        took_s = time.monotonic() - began_s

    assert ended.code in (130, 143)
    assert [event["exit_code"] for event in ended.events] == [ended.code]
    assert staged_rows(bangui) == 0
    assert took_s < 1.2


@needs_prlimit
def test_a_thread_that_finds_the_disk_full_ends_the_import(bangui, source):
    """With the code and the one event of that failure; the count is that of the database."""
    ended = bangui.run("import", source, "--json", program=PROGRAM, under=["prlimit", "--fsize=500000"])

    assert ended.code == 74
    assert 0 < ended.json["staged"] < ROWS
    assert ended.json["staged"] == staged_rows(bangui)
    assert ended.event_names == ["command_failed"]


def packed(n, org):
    return pack(Entry(f"10.0.0.{n}", "DE", None, None, org, "2026-01-01T00:00:00.000Z"))


def test_the_entry_that_came_last_wins_within_and_across_batches(bangui):
    """Of one address and one time; the thread does not let a later batch overtake."""
    with open_staging(str(bangui.database)) as store:
        staging = Staging(store)
        for batch in range(20):
            staging.pending += [packed(n % 5, f"{9 - n // 5} of {batch}") for n in range(50)]
            staging.commit_beside()
        staging.commit()

    assert bangui.rows("SELECT DISTINCT org FROM geo_cache_dirty") == [("0 of 19",)]
    assert staging.staged_rows == 20 * 50


def test_a_transaction_that_a_signal_left_open_is_none_of_the_next(bangui):
    """The exception of a signal holds what it broke into, just when the rows that were read are to be saved."""
    with open_staging(str(bangui.database)) as store:
        for begin in (store.transaction, store.snapshot):
            left = begin()
            left.__enter__()
            store.stage([packed(1, "x")])
            with store.snapshot():
                assert store.count_dirty_rows() == 1
            del left


def test_what_fails_beside_is_raised_by_the_next_commit(bangui):
    """Which waits for the batch before it: else the rows of a lost one would be missed by nobody."""
    path = str(bangui.database)
    with open_staging(path) as store, locked(bangui):
        store.hurry(0.2)
        staging = Staging(store)
        staging.pending.append(packed(1, "x"))
        staging.commit_beside()
        wait_until(staging._writing.locked)
        with pytest.raises(DatabaseBusy):
            staging.commit_beside()

    assert staging.staged_rows == 0


def test_a_thread_that_comes_late_finds_nothing_left_to_do(bangui, monkeypatch):
    """It may start when the next batch, or all of them, are written and the database is closed."""
    late = []
    monkeypatch.setattr(_thread, "start_new_thread", lambda work, _: late.append(work))
    with open_staging(str(bangui.database)) as store:
        staging = Staging(store)
        for n in range(3):
            staging.pending.append(packed(n, "x"))
            staging.commit_beside()
        staging.commit()
    for work in late:
        work()

    staging.commit()
    assert staging.staged_rows == 3


def test_what_fails_leaves_a_late_thread_nothing_to_write(bangui, monkeypatch):
    """It would write with a connection that is being closed: Python crashes over that."""
    monkeypatch.setattr(_thread, "start_new_thread", lambda *_: None)
    with open_staging(str(bangui.database)) as store:
        staging = Staging(store)
        monkeypatch.setattr(store, "stage", lambda _: 1 / 0)
        staging.pending.append(packed(1, "x"))
        staging.commit_beside()
        with pytest.raises(ZeroDivisionError):
            staging.commit_beside()

    assert staging._taken == []


def test_a_late_thread_does_not_sort_what_is_being_added(bangui):
    """Python forbids it, and the rows that were added meanwhile are lost to the sort."""

    class Watched(list):
        def __iter__(self):
            held.append(staging._writing.locked())
            return super().__iter__()

    held = []
    with open_staging(str(bangui.database)) as store:
        staging = Staging(store)
        staging.pending = Watched([packed(1, "x")])
        staging.commit()

    assert held == [True]


def test_batches_that_follow_each_other_leave_a_gap(bangui, monkeypatch):
    """SQLite's busy handler, which sleeps between its tries, gets in though each batch is a short one."""
    monkeypatch.setattr(pacing, "SWEEP_BETWEEN_RESTS_S", 0.2)
    longest_s = 0.0
    with open_staging(str(bangui.database)) as store:
        staging = Staging(store)
        began_s = time.monotonic()
        while longest_s < store.rest_s and time.monotonic() - began_s < 5:
            staging.pending.append(packed(1, "x"))
            commit_s = time.monotonic()
            staging.commit()
            longest_s = time.monotonic() - commit_s

    assert longest_s >= store.rest_s
