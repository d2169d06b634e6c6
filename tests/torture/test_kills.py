"""Whatever moment `kill -9` finds, nothing acknowledged is lost and the next run goes on from there."""

import random
import sys

import pytest
from invariants import Ledger, check_database, check_integrity, check_run, read_entries
from kills import count_writes, killed, killed_at_call
from workload import (
    SMALL_BATCHES,
    add_command,
    as_lines,
    flushed_total,
    make_bangui_database,
    make_entries,
    needs_strace,
    stage,
)

ROWS = 4000
KILLS = 60
FEW_AND_MANY = (3, pytest.param(KILLS, marks=pytest.mark.torture))
WAL = ["--journal-mode", "wal", "--force"]
RUNS = "SELECT runs_total FROM job_state"
NEWEST = "SELECT max(resolved_at) FROM geo_cache_dirty"


def _restaged(bangui, ledger, staged, rows):
    """Stage a newer entry for each address once the dirty set is empty; return how many in all."""
    if read_entries(bangui.database)[1]:
        return staged
    entries = make_entries(rows, generation=staged // rows)
    stage(bangui.database, entries)
    ledger.acknowledge(entries)
    return staged + rows


@pytest.mark.torture
def test_a_flush_killed_at_random_moments_loses_nothing(bangui):
    """Each entry is in one place after each kill, and the total counts each entry once."""
    ledger, done, staged, halfway = Ledger(), 0, 0, 0
    chance = random.Random(1)
    while done < KILLS:
        staged = _restaged(bangui, ledger, staged, ROWS)
        flush = bangui.start("flush", "--batch-size", 50)
        done += killed(flush, chance, lambda: bangui.rows(RUNS))
        check_database(bangui.database, ledger)
        halfway += flushed_total(bangui.database) % ROWS > 0
    bangui.ok("flush")

    assert (ledger.newest, {}) == read_entries(bangui.database)
    assert staged == flushed_total(bangui.database)
    print(f"flush: {done} kills at random moments, {halfway} halfway, {staged} entries, none lost")


@needs_strace
@pytest.mark.parametrize(
    ("kills", "journal"),
    [(3, []), *(pytest.param(KILLS, journal, marks=pytest.mark.torture) for journal in ([], WAL))],
)
def test_a_flush_killed_at_a_write_or_sync_loses_nothing(bangui, kills, journal):
    """Each write and each sync of a flush is a moment at which it may die."""
    bangui.ok("init", *journal)
    rows, ledger, staged = 60, Ledger(), 0
    flush = ("flush", "--batch-size", 20)
    staged = _restaged(bangui, ledger, staged, rows)
    calls = count_writes(bangui, *flush)
    for done in range(kills):
        staged = _restaged(bangui, ledger, staged, rows)
        killed_at_call(bangui, 1 + done * calls // kills, *flush)
        check_database(bangui.database, ledger)
    bangui.ok("flush")

    assert (ledger.newest, {}) == read_entries(bangui.database)
    assert staged == flushed_total(bangui.database)
    print(
        f"flush{' in WAL mode' * bool(journal)}: {kills} kills at {calls} writes and syncs, {staged} entries, none lost"
    )


def _import_file(bangui, generation, rows):
    """Write the next input of an import; return its path and its entries."""
    path, entries = bangui.home / "answers.jsonl", make_entries(rows, generation)
    path.write_text(as_lines(entries))
    return path, entries


@pytest.mark.torture
@pytest.mark.parametrize("beside", [False, True], ids=["at-once", "beside"])
def test_an_import_killed_at_random_moments_can_be_repeated(bangui, beside):
    """What it had staged stays, of the rest nothing comes in half, and a second try completes it."""
    ledger, done, generation, halfway = Ledger(), 0, 0, 0
    chance = random.Random(1)
    options = {"program": [sys.executable, "-c", SMALL_BATCHES]} if beside else {}
    while done < KILLS // 2:
        generation += 1
        path, entries = _import_file(bangui, generation, 2 * ROWS)
        process = bangui.start("import", path, **options)
        done += killed(process, chance, lambda: bangui.rows(NEWEST))
        check_database(bangui.database, ledger, in_flight=entries)
        ledger.acknowledge(read_entries(bangui.database)[1].values())
        times = [ledger.newest[entry.ip].resolved_at for entry in entries if entry.ip in ledger.newest]
        halfway += 0 < times.count(entries[0].resolved_at) < len(entries)
    bangui.ok("import", path)
    ledger.acknowledge(entries)

    assert ({}, ledger.newest) == read_entries(bangui.database)
    print(f"import: {done} kills at random moments, {halfway} halfway, none lost")


@needs_strace
@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_an_import_killed_at_a_write_or_sync_can_be_repeated(bangui, kills):
    """Each write and each sync of an import is a moment at which it may die."""
    ledger, rows = Ledger(), 3000
    path, entries = _import_file(bangui, 0, rows)
    calls = count_writes(bangui, "import", path)
    ledger.acknowledge(entries)
    for done in range(kills):
        path, entries = _import_file(bangui, done + 1, rows)
        if not killed_at_call(bangui, 1 + done * calls // kills, "import", path):
            ledger.acknowledge(entries)
        check_database(bangui.database, ledger, in_flight=entries)
        ledger.acknowledge(read_entries(bangui.database)[1].values())
    bangui.ok("import", path)
    ledger.acknowledge(entries)

    assert ({}, ledger.newest) == read_entries(bangui.database)
    print(f"import: {kills} kills at {calls} writes and syncs, none lost")


@needs_strace
@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_an_add_killed_at_a_write_or_sync_stages_all_or_nothing(bangui, kills):
    """What `add` had not acknowledged is there as a whole or not at all, and nothing else suffers."""
    calls, ledger = count_writes(bangui, "add", "192.0.2.1"), Ledger()
    stage(bangui.database, make_entries(100))
    bangui.ok("flush")
    ledger.acknowledge(read_entries(bangui.database)[0].values())
    for done, entry in enumerate(make_entries(kills, generation=1)):
        if not killed_at_call(bangui, 1 + done % calls, *add_command(entry)):
            ledger.acknowledge([entry])
        check_database(bangui.database, ledger, in_flight=[entry])
        ledger.acknowledge(read_entries(bangui.database)[1].values())


@needs_strace
@pytest.mark.torture
@pytest.mark.parametrize("adopts", [False, True], ids=["new", "adopted"])
def test_an_init_killed_at_a_write_or_sync_can_be_repeated(bare, adopts):
    """A migration is done or not begun: what BanGUI stored stays, and the next `init` completes it."""
    make = make_bangui_database if adopts else (lambda _path: None)
    make(bare.database)
    calls = count_writes(bare, "init")
    for number in range(1, calls + 1, max(calls // KILLS, 1)):
        for path in bare.home.glob("bangui.db*"):
            path.unlink()
        make(bare.database)
        killed_at_call(bare, number, "init")
        check_integrity(bare.database)
        heartbeat = bare.run("heartbeat")
        check_run(heartbeat.code, heartbeat.stderr)
        assert heartbeat.code in (0, 66)
        bare.ok("init")
        bare.ok("flush")

        assert len(read_entries(bare.database)[0]) == (100 if adopts else 0)
