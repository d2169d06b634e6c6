"""A prune looks before it takes the write lock: what somebody needs by the time it deletes, stays."""

import sqlite3
from contextlib import closing
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bangui_cli.host import clocks
from bangui_cli.rules import timestamps
from bangui_cli.rules.retention import retention
from bangui_cli.store import JobFinish, open_upkeep
from bangui_cli.store.sqlite import upkeep as upkeep_module

DAY_S = 86400
OLD, RECENT = "2020-01-01T00:00:00.000Z", timestamps.to_text(clocks.wall_s())
FINISH = JobFinish("geo_cache_cleanup", "0" * 32, "ok", 0, 0.0)
KEPT = retention(clocks.wall_s(), 90 * DAY_S, 365 * DAY_S)
IPS = [f"192.0.2.{number}" for number in range(1, 10)]
NO_WAITS = "PRAGMA synchronous = OFF"
EMPTY = "DELETE FROM geo_cache; DELETE FROM geo_cache_dirty; DELETE FROM ban_history"
CACHE = "INSERT INTO geo_cache (ip, country_code, cached_at) VALUES (?, 'DE', ?)"
STAGE = "INSERT INTO geo_cache_dirty (ip, resolved_at) VALUES (?, ?)"
BAN = "INSERT INTO ban_history VALUES ('web1', 'sshd', ?, ?, 600, 1, 5)"
NEEDS = {
    "dirty": STAGE,
    "banned": BAN,
    "banned with its network": BAN.replace("?, ?", "? || '/24', ?"),
    "seen": "UPDATE geo_cache SET last_seen = iif(ip = ?, ?, last_seen)",
    "cached": "UPDATE geo_cache SET cached_at = iif(ip = ?, ?, cached_at)",
}


@pytest.fixture(params=["delete", "wal"])
def upkeep(bangui, request):
    """Open a database of either journal mode, whose lock is held under the lease "mine"."""
    bangui.execute(f"PRAGMA journal_mode = {request.param}")
    bangui.ok("heartbeat")
    bangui.execute("UPDATE scheduler_lock SET lease_id = 'mine'")
    with open_upkeep(str(bangui.database)) as store:
        store.connection.execute(NO_WAITS)
        yield store


def fill(bangui, ips=IPS):
    """Cache addresses that nobody needs."""
    with closing(bangui.connect()) as connection:
        connection.executescript(f"{NO_WAITS}; BEGIN; {EMPTY}")
        connection.executemany(CACHE, [(ip, OLD) for ip in ips])
        connection.execute("COMMIT")


def cached(bangui):
    return [ip for (ip,) in bangui.rows("SELECT ip FROM geo_cache ORDER BY ip")]


def prune_all(store, rows=100):
    """Prune in batches of so many rows; return how many were deleted, None where the lease was lost."""
    after, pruned = "", 0
    while after is not None:
        batch = store.prune_cache("mine", after, rows, KEPT, FINISH)
        if batch is None:
            return None
        after, pruned = batch.through, pruned + batch.rows
    return pruned


def commit_at(bangui, store, is_time, statement, *parameters):
    """Let another connection try to commit once, right before a statement of the store that is told.

    What is returned fills with the addresses that were cached by then, where it could.
    """
    cached_then = []

    def look(text):
        if not is_time(text):
            return
        store.connection.set_trace_callback(None)
        with closing(sqlite3.connect(bangui.database, isolation_level=None, timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                found = [ip for (ip,) in other.execute("SELECT ip FROM geo_cache")]
                other.execute(statement, parameters)
                other.execute("COMMIT")
            except sqlite3.OperationalError:
                return
        cached_then.extend(found)

    store.connection.set_trace_callback(look)
    return cached_then


@pytest.mark.parametrize("need", NEEDS)
def test_what_is_needed_by_the_time_the_lock_is_taken_stays(bangui, upkeep, need):
    """It was found to be of no use a moment before; the others of its batch go all the same."""
    fill(bangui)
    happened = commit_at(bangui, upkeep, "BEGIN IMMEDIATE".__eq__, NEEDS[need], IPS[4], RECENT)

    pruned = prune_all(upkeep)

    assert happened == IPS
    assert (pruned, cached(bangui)) == (8, [IPS[4]])


def test_what_comes_to_be_needed_at_any_moment_stays(bangui, upkeep):
    """Before each statement of a prune another connection tries to stage an address that is cached yet."""
    saved = []
    for moment in count(1):
        fill(bangui)
        statements = count(1)
        happened = commit_at(
            bangui, upkeep, lambda _, at=moment, seen=statements: next(seen) == at, STAGE, IPS[7], RECENT
        )
        prune_all(upkeep, 4)
        if next(statements) <= moment:
            break
        assert cached(bangui) == [ip for ip in happened if ip == IPS[7]]
        saved.append(bool(happened) and IPS[7] in happened)

    assert moment > 20
    assert True in saved
    assert False in saved


def test_a_lease_that_is_lost_by_the_time_the_lock_is_taken_stops_it(bangui, upkeep):
    """Nothing of what was found before is deleted under another's lock."""
    fill(bangui)
    steal = "UPDATE scheduler_lock SET lease_id = 'stolen'"
    happened = commit_at(bangui, upkeep, "BEGIN IMMEDIATE".__eq__, steal)

    assert prune_all(upkeep) is None
    assert happened == cached(bangui) == IPS


def test_a_writer_that_always_comes_between_does_not_stop_it(bangui, upkeep):
    """What was found is never of use then, and yet the prune comes to its end."""
    fill(bangui)
    beat = "UPDATE job_state SET runs_total = runs_total + 1"

    def beats(text):
        if text == "BEGIN IMMEDIATE":
            bangui.execute(beat)

    upkeep.connection.set_trace_callback(beats)

    assert (prune_all(upkeep, 2), cached(bangui)) == (9, [])
    assert bangui.rows("SELECT max(runs_total) FROM job_state")[0][0] > 4


def test_where_very_many_are_needed_a_batch_deletes_around_few(bangui, upkeep, monkeypatch):
    """Each takes a statement under the write lock: ten thousands of them would hold it for too long."""
    fill(bangui)
    for ip in IPS[:3] + IPS[4:7]:
        bangui.execute(STAGE, ip, RECENT)
    monkeypatch.setattr(upkeep_module, "_MOST_SPARED_ROWS", 2)
    deletions = []
    upkeep.connection.set_trace_callback(lambda text: deletions.append(text.split(maxsplit=1)[0]))

    assert (prune_all(upkeep), cached(bangui)) == (3, IPS[:3] + IPS[4:7])
    batches = "".join({"BEGIN": " ", "DELETE": "d"}.get(word, "") for word in deletions).split()
    assert max(map(len, batches)) == 3
    assert len(batches) >= 3


cached_rows = st.dictionaries(st.sampled_from(IPS), st.sampled_from(["old", *NEEDS]), max_size=9)


@given(cached_rows, st.integers(1, 10))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_the_size_of_a_batch_the_same_stays(bangui, upkeep, kinds, rows):
    """Also where what is needed stands first or last in one, or is all of it."""
    fill(bangui, kinds)
    kept = sorted(ip for ip, kind in kinds.items() if kind in NEEDS)
    for ip in kept:
        bangui.execute(NEEDS[kinds[ip]], ip, RECENT)

    assert (prune_all(upkeep, rows), cached(bangui)) == (len(kinds) - len(kept), kept)
