"""What time and death do to a run: each of its statements is a moment to stand still, or to die."""

import contextlib
import shutil
import sqlite3
from itertools import pairwise

import pytest
from invariants import Ledger, check_database, read_entries
from simulation import Machine

from bangui_cli.host import clocks

ADDRESSES = [f"192.0.2.{n}" for n in range(1, 7)]
FLUSH = ("flush", "--batch-size", 2, "--json")


def _stage(machine):
    """Stage an entry for each address, newer than the last."""
    machine.pass_time(1)
    for address in ADDRESSES:
        assert machine.run("add", address, "--country-code", "DE").code == 0


@pytest.fixture
def machine():
    """Return a machine whose cache knows older entries of what waits for a flush."""
    with Machine() as machine:
        machine.run("init")
        _stage(machine)
        machine.run("flush")
        _stage(machine)
        yield machine


def _each_statement(machine, command=FLUSH):
    """Yield the number of each statement of a run, the database being the same each time."""
    kept = machine.database.with_name("kept")
    shutil.copy(machine.database, kept)
    machine.run(*command)
    for number in range(1, machine.statements + 1):
        for path in machine.files():
            path.unlink()
        shutil.copy(kept, machine.database)
        yield number


def test_nobody_sees_half_a_migration():
    """Several instances start at once: what one finds is a file without tables, or with all of them."""
    tables, seen = "SELECT name FROM sqlite_schema WHERE type = 'table'", set()
    with Machine() as machine:
        machine.on_statement(lambda _: seen.add(len(machine.rows(tables))))
        assert machine.run("init").code == 0
        whole = len(machine.rows(tables))

    assert {0, whole} >= seen


def test_a_flush_killed_at_any_statement_loses_nothing(machine):
    """Each entry is in one place, counted once, and the next flush moves what is left."""
    ledger = Ledger(read_entries(machine.database)[1].values())
    for number in _each_statement(machine):
        machine.kill_at(number)

        assert machine.run(*FLUSH).code is None
        check_database(machine.database, ledger)
        assert machine.run(*FLUSH).code == 0
        assert read_entries(machine.database) == (ledger.newest, {})
        assert machine.rows("SELECT flushed_total FROM job_state") == [(2 * len(ADDRESSES),)]


def test_a_flush_that_stood_still_at_any_statement_writes_nothing_after_a_takeover(machine):
    """Once another instance has the lock, not a byte of the database is the flush's any more."""
    after_takeover = []

    def stand_still():
        machine.suspend(300)
        if machine.run("heartbeat", instance="web2").code == 0:
            after_takeover.append(machine.database.read_bytes())

    takeovers = 0
    for number in _each_statement(machine):
        machine.interrupt_at(number, stand_still)
        outcome = machine.run(*FLUSH)
        if after_takeover:
            takeovers += 1
            assert outcome.code == 75 or read_entries(machine.database)[1] == {}
            assert machine.database.read_bytes() == after_takeover.pop()
    assert takeovers > len(ADDRESSES) / 2


@pytest.mark.parametrize(("before", "after"), [("delete", "wal"), ("wal", "delete")])
@pytest.mark.parametrize(
    "command", [FLUSH, ("import", "--format", "jsonl", "FILE")], ids=["flush", "import"]
)
def test_a_journal_mode_that_is_set_at_any_statement_stays(machine, command, before, after):
    """BanGUI sets WAL when it starts; a run that keeps its journal meanwhile must not undo it at its end."""
    file = machine.home / "entries.jsonl"
    file.write_text("".join(f'{{"ip": "{address}"}}\n' for address in ADDRESSES))
    command = [str(file) if word == "FILE" else word for word in command]
    set_mode = []

    def convert(mode):
        with machine.open() as another, contextlib.suppress(sqlite3.OperationalError):  # it is locked
            set_mode[:] = another.execute(f"PRAGMA journal_mode = {mode}").fetchone()

    convert(before)
    converted = 0
    for number in _each_statement(machine, command):
        set_mode[:] = [before]
        machine.interrupt_at(number, lambda: convert(after))

        assert machine.run(*command).code == 0
        assert machine.rows("PRAGMA journal_mode") == [(set_mode[0],)]
        assert not machine.database.with_name("bangui.db-journal").exists()
        converted += set_mode == [after]
    assert converted


def test_every_batch_refreshes_the_heartbeat(machine):
    """A long flush keeps its lock: at its end the heartbeat is as old as its last batch."""
    machine.on_statement(lambda _: machine.suspend(10))
    began_s = machine.boottime_s
    outcome = machine.run(*FLUSH)
    query = "SELECT heartbeat_boottime, heartbeat_at, heartbeat_written FROM scheduler_lock"
    [(boottime_s, wall_s, written_s)] = machine.rows(query)

    assert outcome.code == 0
    assert machine.boottime_s - began_s > 2 * 150
    assert machine.boottime_s - boottime_s < 150
    assert machine.wall_s - wall_s < 150
    assert wall_s == written_s


def test_a_long_sweep_leaves_gaps_for_those_who_wait(machine, monkeypatch):
    """SQLite's busy handler sleeps up to 0.1 s between two tries, and must get in within 3 s."""
    moments_s = []
    for number in range(7, 13):
        assert machine.run("add", f"192.0.2.{number}").code == 0

    def rest(seconds):
        with machine.open() as another:
            another.execute("BEGIN IMMEDIATE")
        assert seconds > 0.1
        moments_s.append(machine.monotonic_s)
        machine.pass_time(seconds)

    monkeypatch.setattr(clocks, "sleep_s", rest)
    machine.on_statement(lambda _: machine.pass_time(0.05))
    began_s = machine.monotonic_s

    assert machine.run("flush", "--batch-size", 1).code == 0
    assert machine.monotonic_s - began_s > 4
    moments_s = [began_s, *moments_s, machine.monotonic_s]
    assert max(later - earlier for earlier, later in pairwise(moments_s)) < 3


def test_the_timeout_ends_a_run_between_two_batches(machine):
    """What was moved until then stays moved, is counted, and the next run goes on from there."""
    machine.on_statement(lambda _: machine.pass_time(0.5))
    report = machine.run(*FLUSH, "--timeout", 12).json
    left = len(read_entries(machine.database)[1])

    assert report["outcome"] == "timeout"
    assert (report["flushed"], report["remaining"]) == (len(ADDRESSES) - left, left)
    assert 0 < left < len(ADDRESSES)
    assert machine.rows("SELECT last_outcome FROM job_state") == [("timeout",)]
    assert machine.run(*FLUSH).json["flushed"] == left


def test_a_lock_that_expires_during_the_pass_is_still_its_own(machine):
    """Nobody took it over while the process stood still, so the fence lets it go on."""
    machine.interrupt_at(20, lambda: machine.suspend(10_000))

    assert machine.run(*FLUSH).code == 0
    assert read_entries(machine.database)[1] == {}
