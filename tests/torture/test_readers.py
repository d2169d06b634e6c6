"""Readers that keep the database open slow a flush down, and neither stop it nor see half of it."""

import random
import sqlite3
import threading
import time
from contextlib import closing

import pytest
from invariants import Ledger, check_database, read_entries
from workload import make_entries, stage

ROWS = 20_000
READERS = 3
IN_ALL = "SELECT (SELECT count(*) FROM geo_cache) + (SELECT count(*) FROM geo_cache_dirty)"


def _read(path, over, totals, seed):
    """Stay in one transaction after the other, and count at both ends of each."""
    chance = random.Random(seed)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        while not over.is_set():
            connection.execute("BEGIN")
            totals.extend(connection.execute(IN_ALL).fetchone())
            time.sleep(chance.uniform(0.0, 0.2))
            totals.extend(connection.execute(IN_ALL).fetchone())
            connection.execute("COMMIT")
            time.sleep(chance.uniform(0.0, 0.05))


@pytest.mark.torture
def test_readers_that_come_and_go_do_not_stop_a_flush(bangui):
    """Each of their counts finds every entry in one place, and the flush gets through."""
    entries, over, totals = make_entries(ROWS), threading.Event(), []
    stage(bangui.database, entries)
    readers = [
        threading.Thread(target=_read, args=(bangui.database, over, totals, seed))
        for seed in range(READERS)
    ]
    for reader in readers:
        reader.start()
    try:
        report = bangui.ok("flush", "--batch-size", 1000, "--timeout", "5m", "--json").json
    finally:
        over.set()
        for reader in readers:
            reader.join()
    print(f"{len(totals)} counts while {ROWS} rows were flushed in {report['duration_s']} s")

    assert {ROWS} == set(totals)
    assert (Ledger(entries).newest, {}) == read_entries(bangui.database)


@pytest.mark.torture
def test_a_reader_that_stays_delays_only_a_rollback_journal(bangui):
    """In WAL mode a flush ends under its eyes, and what it sees stays as it was when it came."""
    bangui.ok("init", "--journal-mode", "wal", "--force")
    ledger = Ledger()
    for generation in range(5):
        entries = make_entries(1000, generation)
        stage(bangui.database, entries)
        ledger.acknowledge(entries)
        with closing(bangui.connect()) as reader:
            reader.execute("BEGIN")
            before = reader.execute("SELECT * FROM geo_cache ORDER BY ip").fetchall()
            assert bangui.ok("flush", "--json").json["flushed"] == 1000
            assert before == reader.execute("SELECT * FROM geo_cache ORDER BY ip").fetchall()
        check_database(bangui.database, ledger)
