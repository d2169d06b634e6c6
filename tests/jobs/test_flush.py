"""The flush in real processes: what moves, what wins, and that nothing is lost on the way."""

import json
import random
import signal
import sqlite3
import time
from contextlib import closing

import pytest
from flushing import NEW, count, stage_many, wait_until_some_moved
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import Ledger, check_database, read_entries

from bangui_cli.access import locking
from bangui_cli.rules.entry import Entry, beats, pack
from bangui_cli.store import Decision, JobFinish, Store, open_store

JOB = "SELECT * FROM job_state WHERE job_id = 'geo_cache_flush'"
OLD = "2026-01-01T00:00:00.000Z"


def cache(bangui, ip: str, country_code: str | None, cached_at: str) -> None:
    bangui.execute(
        "INSERT INTO geo_cache (ip, country_code, cached_at) VALUES (?, ?, ?)",
        ip,
        country_code,
        cached_at,
    )


def cached(bangui, ip: str) -> tuple:
    return bangui.rows("SELECT country_code, cached_at FROM geo_cache WHERE ip = ?", ip)[0]


def test_a_staged_entry_becomes_a_cached_one(bangui):
    """Every column moves, the dirty row goes, and the pass is on record."""
    bangui.ok(
        "add", "192.0.2.1", "--country-code=de", "--country-name=Germany", "--asn=64496", "--org=Example",
        "--resolved-at=2026-01-01T00:00:00Z",
    )  # fmt: skip

    ended = bangui.ok("flush", "-v", "--json", "--correlation-id", "a-run")

    row = bangui.rows("SELECT * FROM geo_cache")[0]
    assert row[:6] == ("192.0.2.1", "DE", "Germany", "AS64496", "Example", OLD)
    assert row[6] > "2026"
    assert count(bangui, "geo_cache_dirty") == 0
    assert (ended.json["outcome"], ended.json["flushed"], ended.json["remaining"]) == ("ok", 1, 0)
    (ran,) = [event for event in ended.events if event["event"] == "geo_cache_flush_ran"]
    assert (ran["level"], ran["flushed"], ran["remaining"]) == ("debug", 1, 0)
    state = bangui.ok("status", "--format=json").json["jobs"]["geo_cache_flush"]
    assert (state["last_outcome"], state["last_count"], state["flushed_total"]) == ("ok", 1, 1)
    assert (state["last_correlation_id"], state["runs_total"], state["failures_total"]) == (
        "a-run",
        1,
        0,
    )
    assert state["last_started_at"] <= state["last_finished_at"] == state["last_success_at"]


def test_an_empty_flush_is_a_success_that_says_nothing(bangui):
    """It is recorded, and the event of a flush is logged only if anything was flushed."""
    bangui.ok("flush")

    ended = bangui.ok("flush", "-v", "--json")

    assert (ended.json["flushed"], ended.json["remaining"], ended.events) == (0, 0, [])
    state = bangui.ok("status", "--format=json").json["jobs"]["geo_cache_flush"]
    assert (state["last_outcome"], state["last_count"], state["runs_total"]) == ("ok", 0, 2)


# What is in the cache, what is dirty, and which of them stays.
RULE = [
    (("DE", OLD), ("FR", NEW), ("FR", NEW)),
    (("DE", NEW), ("FR", OLD), ("DE", NEW)),
    # Of the same time, the one staged last.
    (("DE", NEW), ("FR", NEW), ("FR", NEW)),
    # A failed resolution never replaces a country, however new; a country always replaces one.
    (("DE", OLD), (None, NEW), ("DE", OLD)),
    ((None, NEW), ("FR", OLD), ("FR", OLD)),
    ((None, OLD), (None, NEW), (None, NEW)),
    ((None, NEW), (None, OLD), (None, NEW)),
    # The forms of time that BanGUI and its predecessors wrote.
    (("DE", "2026-01-02T00:00:00Z"), ("FR", OLD), ("DE", "2026-01-02T00:00:00Z")),
    (("DE", "2026-01-01T00:00:00Z"), ("FR", OLD), ("FR", OLD)),
    (("DE", "2026-01-01 12:00:00"), ("FR", OLD), ("DE", "2026-01-01 12:00:00")),
    (("DE", "2026-01-01 12:00:00"), ("FR", NEW), ("FR", NEW)),
    (
        ("DE", "2026-01-01T23:30:00.123456+00:00"),
        ("FR", "2026-01-01T23:30:00.122Z"),
        ("DE", "2026-01-01T23:30:00.123456+00:00"),
    ),
    (("DE", "2026-01-01T01:00:00+0200"), ("FR", OLD), ("FR", OLD)),
    (("DE", "no time"), ("FR", OLD), ("FR", OLD)),
    (("DE", ""), ("FR", OLD), ("FR", OLD)),
]


def test_the_rule_decides_which_row_stays(bangui):
    """A country beats none, then the newer, then the later; the row that lost has been seen, too."""
    for n, (in_cache, dirty, _) in enumerate(RULE):
        cache(bangui, f"192.0.2.{n}", *in_cache)
        bangui.execute(
            "INSERT INTO geo_cache_dirty (ip, country_code, resolved_at) VALUES (?, ?, ?)",
            f"192.0.2.{n}",
            *dirty,
        )

    assert bangui.ok("flush", "--json").json["flushed"] == len(RULE)
    assert [cached(bangui, f"192.0.2.{n}") for n in range(len(RULE))] == [row[2] for row in RULE]
    assert bangui.rows("SELECT count(*) FROM geo_cache WHERE last_seen > '2026'") == [(len(RULE),)]
    assert count(bangui, "geo_cache_dirty") == 0


codes = st.sampled_from([None, "DE", "FR"])
times = st.sampled_from([f"2026-01-01T00:00:00.00{n}Z" for n in range(3)])
pairs = st.lists(st.tuples(codes, times, codes, times, codes, times), min_size=1, max_size=20)


@settings(max_examples=50, deadline=None)
@given(rows=pairs, batch_rows=st.integers(1, 25))
def test_the_stores_sql_decides_as_the_rule_does(initialised, tmp_path_factory, rows, batch_rows):
    """Staging, flush and look-up spell one rule, in SQL and in Python."""
    path = tmp_path_factory.mktemp("rule") / "bangui.db"
    path.write_bytes(initialised.read_bytes())
    chains = [
        [Entry(f"10.0.0.{n}", row[i], None, None, str(i), row[i + 1]) for i in (0, 2, 4)]
        for n, row in enumerate(rows)
    ]
    with open_store(str(path)) as store:
        lease_id = _take_lock(store)
        store.stage([pack(entries[0]) for entries in chains])
        _move_all(store, lease_id, batch_rows)
        store.stage([pack(entries[1]) for entries in chains])
        store.stage([pack(entries[2]) for entries in chains])
        _move_all(store, lease_id, batch_rows)
        for entries in chains:
            dirty = entries[2] if beats(entries[2], entries[1]) else entries[1]
            expected = dirty if beats(dirty, entries[0]) else entries[0]
            assert store.find(expected.ip) == (expected, None)


def _take_lock(store: Store) -> str:
    holding = store.decide(lambda situation: _taking(locking.hold(situation, "web1", 300.0)))
    return holding.lease_id


def _taking(holding: locking.Holding) -> tuple[Decision, locking.Holding]:
    return Decision(holding.after), holding


def _move_all(store: Store, lease_id: str, batch_rows: int) -> None:
    after = ""
    while after is not None:
        batch = store.move_batch(lease_id, after, batch_rows, JobFinish("job", "id", "ok", 0, 0.0))
        assert batch.rows <= batch_rows
        after = batch.through


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 1), (7, 3), (9, 3), (1000, 1000), (2501, 10000)])
def test_every_row_moves_whatever_the_batch_size(bangui, rows, batch_size):
    """The last batch may be full, short or empty."""
    stage_many(bangui, rows)

    ended = bangui.ok("flush", "--batch-size", batch_size, "--json")

    assert (ended.json["flushed"], ended.json["remaining"]) == (rows, 0)
    assert (count(bangui, "geo_cache"), count(bangui, "geo_cache_dirty")) == (rows, 0)
    assert not bangui.database.with_name("bangui.db-journal").exists()


def test_rows_that_are_staged_during_the_sweep_are_kept(bangui):
    """The sweep ends although others keep staging, before and behind it, and no row is lost."""
    stage_many(bangui, 30_000)
    flush = bangui.start("flush", "--batch-size", "300", "--json")
    wait_until_some_moved(bangui)
    staged = 0
    with closing(bangui.connect()) as connection:
        while flush.poll() is None:
            for ip in (f"1.0.{staged >> 8}.{staged & 255}", f"9.0.{staged >> 8}.{staged & 255}"):
                connection.execute(
                    "INSERT INTO geo_cache_dirty VALUES (?, 'DE', NULL, NULL, NULL, ?)", (ip, NEW)
                )
            staged += 1
            time.sleep(0.001)

    ended = bangui.end(flush)

    assert ended.json["outcome"] == "ok"
    assert count(bangui, "geo_cache") == ended.json["flushed"] >= 30_000
    assert count(bangui, "geo_cache") + count(bangui, "geo_cache_dirty") == 30_000 + 2 * staged
    assert bangui.rows("SELECT count(*) FROM geo_cache WHERE ip LIKE '1.0.%'") == [(0,)]


def test_a_waiting_writer_gets_in_during_a_long_flush(bangui):
    """SQLite's own busy handler sleeps up to 0.1 s between its tries; it must not starve."""
    stage_many(bangui, 150_000)
    flush = bangui.start("flush", "--batch-size", "50", "--timeout", "5m")
    wait_until_some_moved(bangui)

    waits_s = []
    with closing(sqlite3.connect(bangui.database, timeout=20, isolation_level=None)) as writer:
        while flush.poll() is None and len(waits_s) < 2:
            began_s = time.monotonic()
            writer.execute(
                "INSERT INTO geo_cache_dirty (ip, resolved_at) VALUES (?, ?)", (f"::{len(waits_s)}", NEW)
            )
            waits_s.append(time.monotonic() - began_s)
    was_running = flush.poll() is None
    flush.terminate()
    bangui.end(flush)

    assert was_running
    assert max(waits_s) < 3


def test_a_takeover_between_two_batches_stops_the_flush(bangui):
    """Not one more row is written after another instance took the lock, and nothing is recorded."""
    stage_many(bangui, 60_000)
    flush = bangui.start("flush", "--batch-size", "10", "--json")
    wait_until_some_moved(bangui)
    with closing(bangui.connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE scheduler_lock SET lease_id = 'stolen', owner = 'web2', token = 2")
        left = connection.execute("SELECT count(*) FROM geo_cache_dirty").fetchone()
        job = connection.execute(JOB).fetchone()
        connection.execute("COMMIT")

    ended = bangui.end(flush)

    assert (ended.code, ended.event_names) == (75, ["geo_cache_flush_lock_lost"])
    assert (ended.events[0]["level"], ended.events[0]["owner"]) == ("error", "web2")
    assert (ended.json["outcome"], ended.json["lock"]["lease_id"]) == ("lost", "stolen")
    assert ended.json["flushed"] == count(bangui, "geo_cache") == 60_000 - left[0] > 0
    assert ended.json["remaining"] == count(bangui, "geo_cache_dirty") == left[0]
    assert bangui.rows(JOB) == [job]


@pytest.mark.parametrize(("statement", "holder"), [
    ("UPDATE scheduler_lock SET heartbeat_at = heartbeat_at + 1", "another program (BanGUI) on "),
    ("DELETE FROM scheduler_lock", "nobody"),
    ("UPDATE scheduler_lock SET lease_id = NULL, heartbeat_at = 0, heartbeat_written = 0", "nobody"),
])  # fmt: skip
def test_bangui_taking_the_row_stops_the_flush(bangui, statement, holder):
    """It knows nothing of leases: a heartbeat that is not ours, or no row at all, is enough."""
    stage_many(bangui, 60_000)
    flush = bangui.start("flush", "--batch-size", "10", "--json")
    wait_until_some_moved(bangui)
    bangui.execute(statement)

    ended = bangui.end(flush)

    assert (ended.code, ended.json["outcome"]) == (75, "lost")
    assert f"the lock is now with {holder}" in ended.events[-1]["error"]
    assert ended.json["flushed"] == count(bangui, "geo_cache") < 60_000


def _states(bangui):
    """Bring the database into one state after another; yield the arguments of a flush in each."""
    yield ["--instance=web1"]
    stage_many(bangui, 1500)
    yield ["--instance=web1"]
    bangui.ok("add", "192.0.2.1")
    yield ["--instance=web2"]
    yield ["--instance=web2", "--held-ok"]
    bangui.execute("UPDATE scheduler_lock SET heartbeat_boottime = 0, boot_id = NULL, heartbeat_at = 5")
    yield ["--instance=web2"]
    bangui.ok("lock", "release", "--force")
    yield ["--instance=web3"]


def test_a_dry_run_says_what_the_next_run_does_and_changes_nothing(bangui):
    """The verdict on the lock, the counts and the exit code are those of the run right after it."""
    for arguments in _states(bangui):
        content = bangui.database.read_bytes()

        dry = bangui.run("flush", "--dry-run", "--json", *arguments)

        assert content == bangui.database.read_bytes()
        wet = bangui.run("flush", "--json", *arguments)
        assert (dry.code, _comparable(dry)) == (wet.code, _comparable(wet))
        assert dry.json["dry_run"] is True, "its counts are of what has not happened"
        assert "dry_run" not in wet.json


def _comparable(ended) -> dict:
    report = {key: ended.json[key] for key in ("job", "outcome", "flushed", "remaining", "lock")}
    if report["lock"]["outcome"] not in ("refreshed", "held"):
        report["lock"]["lease_id"] = "known only once it is taken"
    return report


def test_a_dry_run_that_fails_says_so_in_its_object_too(bare):
    """Whoever collects the objects must not count it as a run."""
    failed = bare.run("flush", "--dry-run", "--json")

    assert (failed.code, failed.json["dry_run"]) == (66, True)


def test_wait_takes_a_lock_that_expires_meanwhile(bangui):
    """It looks again until the lock is free."""
    bangui.ok("add", "192.0.2.1")
    bangui.ok("heartbeat", "--instance", "web2")
    bangui.execute("UPDATE scheduler_lock SET heartbeat_timeout = heartbeat_timeout - 298.5")

    ended = bangui.ok("flush", "--wait", "20", "--json")

    assert (ended.json["lock"]["outcome"], ended.json["flushed"]) == ("taken_over", 1)


def test_the_end_of_a_wait_is_a_held_lock(bangui):
    """Exit 75 once the wait is over, not before and not much later, nothing written."""
    bangui.ok("heartbeat", "--instance", "web2")
    content = bangui.database.read_bytes()

    ended = bangui.run("flush", "--wait", "0.5", "--json")

    assert (ended.code, ended.json["outcome"]) == (75, "held")
    assert 0.5 <= ended.json["duration_s"] < 5
    assert content == bangui.database.read_bytes()


def test_json_is_printed_for_a_failure_too(bangui):
    """A script that reads the object needs no other way to learn of a failure."""
    missing = bangui.run("flush", "--json", "--database", bangui.home / "missing.db")
    bangui.database.write_bytes(b"not a database, " * 1000)
    broken = bangui.run("flush", "--json")

    for ended, code in ((missing, 66), (broken, 65)):
        assert (ended.code, ended.json["outcome"], ended.json["remaining"]) == (code, "error", None)
        assert ended.json["lock"] == dict.fromkeys(("outcome", "owner", "lease_id", "token"))
        assert ended.event_names == ["geo_cache_flush_error"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_flush_between_two_batches(bangui, number):
    """What it reports is exactly what it moved, and the record says that it failed."""
    stage_many(bangui, 60_000)
    for _ in range(2):
        before = count(bangui, "geo_cache")
        flush = bangui.start("flush", "--batch-size", "10", "--json")
        while count(bangui, "geo_cache") == before:
            time.sleep(0.005)
        time.sleep(random.random() / 20)
        flush.send_signal(number)

        ended = bangui.end(flush)

        assert (ended.code, ended.json["outcome"]) == (128 + number, "error")
        assert ended.json["flushed"] == count(bangui, "geo_cache") - before > 0
        assert ended.json["remaining"] in (None, count(bangui, "geo_cache_dirty"))
        assert count(bangui, "geo_cache") + count(bangui, "geo_cache_dirty") == 60_000
        (event,) = ended.events
        assert (event["event"], event["exit_code"]) == ("geo_cache_flush_error", 128 + number)
        assert signal.Signals(number).name in event["error"]
        state = bangui.ok("status", "--format=json").json["jobs"]["geo_cache_flush"]
        assert (state["last_outcome"], state["last_count"]) == ("error", ended.json["flushed"])
        assert state["flushed_total"] == count(bangui, "geo_cache")


def test_ten_kills_lose_nothing(bangui):
    """Wherever kill -9 hits, each entry is in exactly one place, and the newest wins."""
    ledger = Ledger()
    stage_many(bangui, 5000, OLD)
    ledger.acknowledge(read_entries(bangui.database)[1].values())
    bangui.ok("flush")
    stage_many(bangui, 5000, NEW)
    ledger.acknowledge(read_entries(bangui.database)[1].values())
    for _ in range(10):
        flush = bangui.start("flush", "--batch-size", "20")
        time.sleep(0.1 + random.random() / 5)
        flush.kill()
        bangui.end(flush)
        check_database(bangui.database, ledger)

    bangui.ok("flush")

    check_database(bangui.database, ledger)
    assert count(bangui, "geo_cache_dirty") == 0


def test_overlapping_flushes_of_one_instance_count_each_row_once(bangui):
    """Two crontab lines, or a run that is slower than its interval."""
    stage_many(bangui, 20_000)

    flushes = [bangui.start("flush", "--batch-size", "500", "--json") for _ in range(3)]
    ended = [bangui.end(flush) for flush in flushes]

    assert sum(each.json["flushed"] for each in ended) == count(bangui, "geo_cache") == 20_000
    state = bangui.ok("status", "--format=json").json["jobs"]["geo_cache_flush"]
    assert (state["flushed_total"], state["runs_total"]) == (20_000, 3)


def test_a_wal_database_is_flushed_as_it_is(bangui):
    """Its journal mode is its owner's choice: the sweep leaves it alone."""
    bangui.execute("PRAGMA journal_mode = WAL")
    stage_many(bangui, 5000)
    with closing(bangui.connect()) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM geo_cache").fetchall()

        ended = bangui.ok("flush", "--json")

    assert (ended.json["flushed"], count(bangui, "geo_cache")) == (5000, 5000)
    assert bangui.rows("PRAGMA journal_mode") == [("wal",)]


def test_an_older_failure_shows_until_a_run_succeeds(bangui):
    """Consecutive failures are counted for an alarm, and a success resets them."""
    stage_many(bangui, 60_000)
    for _ in range(2):
        before = count(bangui, "geo_cache")
        flush = bangui.start("flush", "--batch-size", "10")
        while count(bangui, "geo_cache") == before:
            time.sleep(0.005)
        flush.terminate()
        bangui.end(flush)
    failed = bangui.ok("status", "--format=json").json["jobs"]["geo_cache_flush"]
    bangui.ok("flush")

    healed = bangui.ok("status", "--format=json").json["jobs"]["geo_cache_flush"]

    keys = ("runs_total", "failures_total", "consecutive_failures", "last_outcome")
    assert [failed[key] for key in keys] == [2, 2, 2, "error"]
    assert [healed[key] for key in keys] == [3, 2, 0, "ok"]


def test_the_report_is_one_line_of_json(bangui):
    """Each key of the contract is there, whatever became of the run."""
    outcomes = [bangui.run("flush", "--json", "--instance", name) for name in ("web1", "web2")]

    for ended in outcomes:
        (line,) = ended.stdout.splitlines()
        report = json.loads(line)
        assert set(report) >= {
            "job", "outcome", "flushed", "remaining", "duration_s", "correlation_id", "lock",
        }  # fmt: skip
        assert set(report["lock"]) >= {"outcome", "owner", "lease_id", "token"}
