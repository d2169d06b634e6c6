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
from bangui_cli.access.reading import find_known
from bangui_cli.host import clocks
from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry, latest_believable, merge, pack
from bangui_cli.store import Decision, JobFinish, Store, open_store

JOB = "SELECT * FROM job_state WHERE job_id = 'geo_cache_flush'"
OLD = "2026-01-01T00:00:00.000Z"


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


# What is in the cache, what is dirty, and what counts of both: code, ASN, time.
FUTURE, FURTHER = "2999-01-01T00:00:00.000Z", "2999-01-02T00:00:00.000Z"
RULE = [
    (("DE", "AS1", OLD), ("FR", "AS2", NEW), ("FR", "AS2", NEW)),
    (("DE", "AS1", NEW), ("FR", "AS2", OLD), ("DE", "AS1", NEW)),
    # Of the same time, the one staged last.
    (("DE", "AS1", NEW), ("FR", "AS2", NEW), ("FR", "AS2", NEW)),
    # A failed resolution replaces nothing that is known, however new; what is known always replaces one.
    (("DE", "AS1", OLD), (None, None, NEW), ("DE", "AS1", OLD)),
    ((None, None, NEW), ("FR", "AS2", OLD), ("FR", "AS2", OLD)),
    ((None, None, OLD), (None, None, NEW), (None, None, NEW)),
    ((None, None, NEW), (None, None, OLD), (None, None, NEW)),
    # Each half by itself; the time is the newer one of the two.
    (("DE", None, OLD), (None, "AS2", NEW), ("DE", "AS2", NEW)),
    ((None, "AS1", NEW), ("FR", None, OLD), ("FR", "AS1", NEW)),
    (("DE", "AS1", OLD), ("FR", None, NEW), ("FR", "AS1", NEW)),
    (("DE", "AS1", OLD), (None, "AS2", NEW), ("DE", "AS2", NEW)),
    (("DE", None, NEW), ("FR", "AS2", OLD), ("DE", "AS2", NEW)),
    # Neither knows the network: the newer of two failures counts, and so its time.
    (("DE", None, OLD), (None, None, NEW), ("DE", None, NEW)),
    ((None, None, NEW), ("FR", None, OLD), ("FR", None, NEW)),
    # A time of the future, from a clock that was wrong, loses against any other.
    (("DE", "AS1", FUTURE), ("FR", "AS2", OLD), ("FR", "AS2", OLD)),
    (("DE", "AS1", OLD), ("FR", "AS2", FUTURE), ("DE", "AS1", OLD)),
    (("DE", "AS1", FUTURE), ("FR", "AS2", FURTHER), ("FR", "AS2", FURTHER)),
    (("DE", "AS1", FURTHER), ("FR", "AS2", FUTURE), ("DE", "AS1", FURTHER)),
    ((None, None, OLD), ("FR", "AS2", FUTURE), ("FR", "AS2", FUTURE)),
    (("DE", "AS1", FUTURE), (None, None, NEW), ("DE", "AS1", FUTURE)),
    (("DE", None, OLD), (None, None, FUTURE), ("DE", None, OLD)),
    (("DE", None, OLD), ("FR", "AS2", FUTURE), ("DE", "AS2", FUTURE)),
    # What BanGUI writes for no country, and for no network.
    (("", "", FUTURE), ("SE", "AS2", OLD), ("SE", "AS2", OLD)),
    (("xx", "", NEW), ("SE", "AS2", OLD), ("SE", "AS2", OLD)),
    (("", "AS1", OLD), (None, None, NEW), (None, "AS1", NEW)),
    # The forms of time that BanGUI and its predecessors wrote.
    (("DE", "AS1", "2026-01-02T00:00:00Z"), ("FR", "AS2", OLD), ("DE", "AS1", "2026-01-02T00:00:00Z")),
    (("DE", "AS1", "2026-01-01T00:00:00Z"), ("FR", "AS2", OLD), ("FR", "AS2", OLD)),
    (("DE", "AS1", "2026-01-01 12:00:00"), ("FR", "AS2", OLD), ("DE", "AS1", "2026-01-01 12:00:00")),
    (("DE", "AS1", "2026-01-01 12:00:00"), ("FR", "AS2", NEW), ("FR", "AS2", NEW)),
    (
        ("DE", "AS1", "2026-01-01T23:30:00.123456+00:00"),
        ("FR", "AS2", "2026-01-01T23:30:00.122Z"),
        ("DE", "AS1", "2026-01-01T23:30:00.123456+00:00"),
    ),
    (("DE", "AS1", "2026-01-01T01:00:00+0200"), ("FR", "AS2", OLD), ("FR", "AS2", OLD)),
    (("DE", "AS1", "2026-01-02t00:00:00z"), ("FR", "AS2", OLD), ("DE", "AS1", "2026-01-02t00:00:00z")),
    (("DE", "AS1", "2025-12-31T23:59:60Z"), ("FR", "AS2", OLD), ("FR", "AS2", OLD)),
    (("DE", "AS1", "2026-01-01T00:00:60Z"), ("FR", "AS2", OLD), ("DE", "AS1", "2026-01-01T00:00:60Z")),
    (("DE", "AS1", "20260101T120000Z"), ("FR", "AS2", OLD), ("DE", "AS1", "20260101T120000Z")),
    (("DE", "AS1", "1767312000"), ("FR", "AS2", OLD), ("DE", "AS1", "1767312000")),
    (("DE", "AS1", "1767312000"), ("FR", "AS2", NEW), ("FR", "AS2", NEW)),
    (("DE", "AS1", "no time"), ("FR", "AS2", OLD), ("FR", "AS2", OLD)),
    (("DE", "AS1", ""), ("FR", "AS2", OLD), ("FR", "AS2", OLD)),
    # A time stays as it is spelt where it stays.
    (("DE", "AS1", "no time"), (None, None, OLD), ("DE", "AS1", "no time")),
]


def test_the_rule_decides_what_stays_of_each_half(bangui):
    """What `lookup` tells before a flush is what the flush leaves; a row that lost has been seen, too."""
    ips = [f"192.0.2.{n}" for n in range(len(RULE))]
    with closing(bangui.connect()) as connection:
        for ip, (cached, dirty, _) in zip(ips, RULE, strict=True):
            insert = "INSERT INTO geo_cache (ip, country_code, asn, cached_at) VALUES (?, ?, ?, ?)"
            connection.execute(insert, (ip, *cached))
            insert = (
                "INSERT INTO geo_cache_dirty (ip, country_code, asn, resolved_at) VALUES (?, ?, ?, ?)"
            )
            connection.execute(insert, (ip, *dirty))
    before = bangui.ok("lookup", *ips, "--json").json

    assert bangui.ok("flush", "--json").json["flushed"] == len(RULE)

    after = bangui.ok("lookup", *ips, "--json").json
    for ip, row, shown, left in zip(ips, RULE, before, after, strict=True):
        query = "SELECT nullif(country_code, ''), asn, cached_at FROM geo_cache WHERE ip = ?"
        assert bangui.rows(query, ip) == [row[2]], row
        assert (left["country_code"], left["asn"]) == row[2][:2], row
        assert {**shown, "state": "cached"} == left, row
    assert bangui.rows("SELECT count(*) FROM geo_cache WHERE last_seen > '2026'") == [(len(RULE),)]
    assert count(bangui, "geo_cache_dirty") == 0


NOW_S = timestamps.to_wall_s("2026-01-01T00:00:00Z")
halves = st.sampled_from([(None, None), ("1", None), (None, "2"), ("1", "2")])
# Three of today, the last moment that is believed, and three of the future.
ages_ms = st.sampled_from([-2, -1, 0, 86_400_000, 86_400_001, 86_400_002, 99_000_000])
parts = st.tuples(st.sampled_from([None, "DE", "FR"]), halves, ages_ms)
pairs = st.lists(st.tuples(parts, parts, parts), min_size=1, max_size=20)


def _entry(ip: str, staged: int, part) -> Entry:
    code, (asn, org), age_ms = part
    time = timestamps.to_text(NOW_S + age_ms / 1000)
    return Entry(
        ip, code, code and f"name {staged}", asn and f"AS{staged}", org and f"org {staged}", time
    )


@settings(max_examples=100, deadline=None)
@given(rows=pairs, batch_rows=st.integers(1, 25))
def test_the_stores_sql_decides_as_the_rule_does(initialised, tmp_path_factory, rows, batch_rows):
    """Staging, flush and look-up spell one rule, in SQL and in Python."""
    path = tmp_path_factory.mktemp("rule") / "bangui.db"
    path.write_bytes(initialised.read_bytes())
    chains = [
        [_entry(f"10.0.0.{n}", staged, part) for staged, part in enumerate(row)]
        for n, row in enumerate(rows)
    ]
    latest = latest_believable(NOW_S)
    with pytest.MonkeyPatch.context() as patch, open_store(str(path)) as store:
        patch.setattr(clocks, "wall_s", lambda: NOW_S)
        lease_id = _take_lock(store)
        store.stage([pack(entries[0]) for entries in chains])
        _move_all(store, lease_id, batch_rows)
        store.stage([pack(entries[1]) for entries in chains])
        store.stage([pack(entries[2]) for entries in chains])
        expected = {
            first.ip: merge(merge(third, second, latest), first, latest)
            for first, second, third in chains
        }
        assert find_known(store, list(expected)) == expected
        _move_all(store, lease_id, batch_rows)
        cached, dirty = store.find_many(list(expected))
        assert ({entry.ip: entry for entry in cached}, dirty) == (expected, [])


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
