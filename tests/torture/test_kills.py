"""Whatever moment `kill -9` finds, nothing acknowledged is lost and the next run goes on from there."""

import random
import signal
import sys
import time

import pytest
from invariants import Ledger, check_database, check_integrity, check_run, read_entries
from workload import (
    SMALL_BATCHES,
    STORE_CALLS,
    add_command,
    as_lines,
    count_calls,
    flushed_total,
    make_bangui_database,
    make_entries,
    needs_strace,
    stage,
    strace,
)

ROWS = 4000
KILLS = 60
FEW_AND_MANY = (3, pytest.param(KILLS, marks=pytest.mark.torture))
WAL = ["--journal-mode", "wal", "--force"]
RUNS = "SELECT runs_total FROM job_state"
NEWEST = "SELECT max(resolved_at) FROM geo_cache_dirty"


def _killed(process, chance, progress):
    """Kill a process, mostly once `progress` has moved; return whether it had not ended before."""
    before = progress()
    while chance.random() < 0.995 and process.poll() is None and progress() == before:
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, 0.1))
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def _killed_at_call(bangui, number, *arguments):
    """Run a command that dies at its n-th write or sync; return whether it got that far."""
    inject = f"inject={STORE_CALLS}:signal=KILL:when={number}"
    ended = bangui.run(*arguments, under=strace("-e", f"trace={STORE_CALLS}", "-e", inject))
    if ended.code == -signal.SIGKILL:
        return True
    check_run(ended.code, ended.stderr)
    assert ended.code == 0, ended
    return False


def _count(bangui, *arguments):
    return count_calls(bangui.command(*arguments), env=bangui.environment)


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
        done += _killed(flush, chance, lambda: bangui.rows(RUNS))
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
    calls = _count(bangui, *flush)
    for done in range(kills):
        staged = _restaged(bangui, ledger, staged, rows)
        _killed_at_call(bangui, 1 + done * calls // kills, *flush)
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
        done += _killed(process, chance, lambda: bangui.rows(NEWEST))
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
    calls = _count(bangui, "import", path)
    ledger.acknowledge(entries)
    for done in range(kills):
        path, entries = _import_file(bangui, done + 1, rows)
        if not _killed_at_call(bangui, 1 + done * calls // kills, "import", path):
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
    calls, ledger = _count(bangui, "add", "192.0.2.1"), Ledger()
    stage(bangui.database, make_entries(100))
    bangui.ok("flush")
    ledger.acknowledge(read_entries(bangui.database)[0].values())
    for done, entry in enumerate(make_entries(kills, generation=1)):
        if not _killed_at_call(bangui, 1 + done % calls, *add_command(entry)):
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
    calls = _count(bare, "init")
    for number in range(1, calls + 1, max(calls // KILLS, 1)):
        for path in bare.home.glob("bangui.db*"):
            path.unlink()
        make(bare.database)
        _killed_at_call(bare, number, "init")
        check_integrity(bare.database)
        heartbeat = bare.run("heartbeat")
        check_run(heartbeat.code, heartbeat.stderr)
        assert heartbeat.code in (0, 66)
        bare.ok("init")
        bare.ok("flush")

        assert len(read_entries(bare.database)[0]) == (100 if adopts else 0)


OLD_AND_NEW = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
INSERT INTO geo_cache (ip, country_code, cached_at)
SELECT '10.0.0.' || i, 'DE', iif(i % 2, '2020-01-01T00:00:00.000Z', '2120-01-01T00:00:00.000Z') FROM n"""
BANS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
INSERT INTO ban_history
SELECT 'web1', 'sshd', '10.0.0.' || i, iif(i % 4 = 1, '2020-01-01T00:00:00.000Z', '2120-01-01T00:00:00.000Z'),
       600, 1, 5 FROM n WHERE i % 4 < 3"""
KEPT_IPS = {f"10.0.0.{i}" for i in range(1, 121) if i % 4 in (0, 2)}
KEPT_BANS = {f"10.0.0.{i}" for i in range(1, 121) if i % 4 in (0, 2)}
OLD_IPS = {f"10.0.0.{i}" for i in range(1, 121) if i % 2}


def _ips(bangui, table):
    return {ip for (ip,) in bangui.rows(f"SELECT ip FROM {table}")}


def _fill_to_prune(bangui):
    bangui.execute("DELETE FROM geo_cache")
    bangui.execute("DELETE FROM ban_history")
    bangui.execute(OLD_AND_NEW)
    bangui.execute(BANS)


@needs_strace
@pytest.mark.parametrize("kills", FEW_AND_MANY)
@pytest.mark.parametrize("compact", [[], ["--compact"]], ids=["prune", "compact"])
def test_a_prune_killed_at_a_write_or_sync_deletes_nothing_that_stays(bangui, kills, compact):
    """What is old may be there or not; the next run goes on from there, and the file is sound."""
    prune = ("prune", "--batch-size", 10, *compact)
    _fill_to_prune(bangui)
    calls = _count(bangui, *prune)
    for done in range(kills):
        _fill_to_prune(bangui)
        _killed_at_call(bangui, 1 + done * calls // kills, *prune)
        check_integrity(bangui.database)
        cached, bans = _ips(bangui, "geo_cache"), _ips(bangui, "ban_history")
        assert cached >= KEPT_IPS
        assert bans >= KEPT_BANS
        assert bans - KEPT_BANS <= OLD_IPS
        bangui.ok("prune")
        assert (_ips(bangui, "geo_cache"), _ips(bangui, "ban_history")) == (KEPT_IPS, KEPT_BANS)


@needs_strace
@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_a_forget_killed_at_a_write_or_sync_forgets_all_or_nothing(bangui, kills):
    """In cache, dirty set and history it is one transaction."""
    forget = ("forget", "10.0.0.0/26", "10.0.0.100")

    def fill():
        _fill_to_prune(bangui)
        bangui.execute("DELETE FROM geo_cache_dirty")
        bangui.execute(
            "INSERT INTO geo_cache_dirty (ip, resolved_at) SELECT ip, '2026-01-01T00:00:00.000Z' FROM geo_cache"
        )

    def known():
        return [_ips(bangui, table) for table in ("geo_cache", "geo_cache_dirty", "ban_history")]

    fill()
    before = known()
    calls = _count(bangui, *forget)
    after = known()
    assert after != before
    for done in range(kills):
        fill()
        was_killed = _killed_at_call(bangui, 1 + done * calls // kills, *forget)
        check_integrity(bangui.database)
        assert known() in ([before, after] if was_killed else [after])


@needs_strace
@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_an_import_of_the_history_killed_at_a_write_or_sync_can_be_repeated(bangui, kills):
    """Each ban once, as it was exported; what was reported survives."""
    _fill_to_prune(bangui)
    bangui.execute(
        "UPDATE ban_history SET banned_at = '2021-01-01T00:00:00.000Z' WHERE banned_at > '2100'"
    )
    exported = bangui.ok("export", "history").stdout
    path = bangui.home / "history.jsonl"
    path.write_text(exported)
    bangui.execute("DELETE FROM ban_history")
    calls = _count(bangui, "import", "--history", path)
    for done in range(kills):
        bangui.execute("DELETE FROM ban_history")
        _killed_at_call(bangui, 1 + done * calls // kills, "import", "--history", path)
        check_integrity(bangui.database)
        assert set(bangui.ok("export", "history").stdout.splitlines()) <= set(exported.splitlines())
        bangui.ok("import", "--history", path)
        assert bangui.ok("export", "history").stdout == exported
