"""What nobody needs any more is deleted, and nothing that somebody does."""

import shutil
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from conftest import wait_until
from flushing import count
from invariants import check_integrity
from workload import needs_root, small_disk

from bangui_cli.host import clocks
from bangui_cli.rules import timestamps
from bangui_cli.states.errors import DatabaseBusy
from bangui_cli.store import open_upkeep

DAY_S = 86400
JOB = "SELECT last_outcome, last_count, runs_total FROM job_state WHERE job_id = 'geo_cache_cleanup'"
MANY = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO geo_cache (ip, country_code, cached_at, last_seen)
SELECT format('10.%d.%d.%d', i >> 16, (i >> 8) & 255, i & 255), 'DE', :old, iif(i % 10, NULL, :new) FROM n"""
MANY_BANS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO ban_history
SELECT 'web1', 'sshd', format('192.0.2.%d', i & 255),
       strftime('%Y-%m-%dT%H:%M:%fZ', 1600000000 + i, 'unixepoch'), 600, 1, NULL FROM n"""


def ago(days):
    return timestamps.to_text(clocks.wall_s() - days * DAY_S)


def cache(bangui, ip, cached_days, seen_days=None):
    seen = seen_days if seen_days is None or isinstance(seen_days, str) else ago(seen_days)
    cached = cached_days if isinstance(cached_days, str) else ago(cached_days)
    bangui.execute(
        "INSERT INTO geo_cache (ip, country_code, cached_at, last_seen) VALUES (?, 'DE', ?, ?)",
        ip, cached, seen,
    )  # fmt: skip


def ban(bangui, ip, days, jail="sshd"):
    bangui.execute("INSERT INTO ban_history VALUES ('web1', ?, ?, ?, 600, 1, 3)", jail, ip, ago(days))


def cache_many(bangui, rows):
    """Cache as many, of which nine in ten are a hundred days old."""
    bangui.execute(MANY.replace("?", str(rows)), old=ago(100), new=ago(1))


def cached(bangui):
    return {ip for (ip,) in bangui.rows("SELECT ip FROM geo_cache")}


def job_state(bangui):
    (state,) = bangui.rows(JOB)
    return dict(zip(("last_outcome", "last_count", "runs_total"), state, strict=True))


def bans(bangui):
    return bangui.rows("SELECT jail, ip FROM ban_history ORDER BY banned_at")


def test_what_is_older_than_its_age_goes(bangui):
    """Of the two times of a cached address the newer counts, whichever it is."""
    cache(bangui, "192.0.2.1", 91)
    cache(bangui, "192.0.2.2", 89)
    cache(bangui, "192.0.2.3", 500, 89)
    cache(bangui, "192.0.2.4", 89, 500)
    cache(bangui, "192.0.2.5", 500, 91)
    ban(bangui, "198.51.100.1", 366)
    ban(bangui, "198.51.100.2", 364)

    pruned = bangui.ok("prune", "--json", "--verbose")

    assert cached(bangui) == {"192.0.2.2", "192.0.2.3", "192.0.2.4"}
    assert bans(bangui) == [("sshd", "198.51.100.2")]
    counts = {key: pruned.json[key] for key in ("job", "outcome", "pruned_cache", "pruned_history")}
    assert counts == {
        "job": "geo_cache_cleanup", "outcome": "ok", "pruned_cache": 2, "pruned_history": 1,
    }  # fmt: skip
    assert pruned.json["freed_bytes"] == 0, "the file is used again as it is"
    assert "geo_cache_cleanup_ran" in pruned.event_names
    state = job_state(bangui)
    assert (state["last_outcome"], state["last_count"], state["runs_total"]) == ("ok", 2, 1)


def test_what_something_refers_to_stays(bangui):
    """A dirty row, or a ban that stays itself; a ban of a network refers to its first address."""
    for ip in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.30", "198.51.100.0", "198.51.100.1",
               "2001:db8::", "2001:db8::1"):  # fmt: skip
        cache(bangui, ip, 300)
    bangui.ok("add", "192.0.2.1")
    ban(bangui, "192.0.2.2", 364)
    ban(bangui, "192.0.2.3", 366)
    ban(bangui, "192.0.2.3", 367)
    ban(bangui, "198.51.100.0/24", 200)
    ban(bangui, "2001:db8::/32", 200)

    bangui.ok("prune")

    assert cached(bangui) == {"192.0.2.1", "192.0.2.2", "198.51.100.0", "2001:db8::"}


def test_an_address_counts_by_its_normal_form_however_it_is_spelt(bangui):
    """BanGUI caches other spellings, and times in other forms."""
    kept = {"2001:DB8::1", "::ffff:192.0.2.1", "2001:0db8::5"}
    for ip in (*kept, "2001:DB8::2", "::ffff:192.0.2.2", "no address:"):
        cache(bangui, ip, 300)
    ban(bangui, "2001:db8::1", 1)
    ban(bangui, "2001:db8::5/128", 1)
    ban(bangui, "192.0.2.1", 1)
    day = ago(89)
    cache(bangui, "192.0.2.8", day[:10] + " " + day[11:19])
    cache(bangui, "192.0.2.9", str(clocks.wall_s() - 89 * DAY_S))
    cache(bangui, "192.0.2.10", str(clocks.wall_s() - 91 * DAY_S))
    cache(bangui, "192.0.2.11", ago(300), ago(89)[:19] + "+00:00")

    bangui.ok("prune")

    assert cached(bangui) == kept | {"192.0.2.8", "192.0.2.9", "192.0.2.11"}


@pytest.mark.parametrize("option", ["--cache-age", "--history-age"])
def test_never_keeps_all(bangui, option):
    """And what an old ban refers to stays with it."""
    cache(bangui, "192.0.2.1", 9000)
    cache(bangui, "192.0.2.2", 9000)
    ban(bangui, "192.0.2.1", 9000)

    bangui.ok("prune", option, "never")

    left = (cached(bangui), len(bans(bangui)))
    assert left == (({"192.0.2.1", "192.0.2.2"}, 0) if option == "--cache-age" else ({"192.0.2.1"}, 1))


def test_the_settings_say_how_long(bangui):
    """A file or a variable serves the schedule, whose line has no ages."""
    cache(bangui, "192.0.2.1", 2)
    ban(bangui, "192.0.2.2", 2)
    bangui.environment |= {"BANGUI_CACHE_RETENTION": "1d", "BANGUI_HISTORY_RETENTION": "36h"}

    pruned = bangui.ok("prune", "--json").json

    assert (pruned["pruned_cache"], pruned["pruned_history"]) == (1, 1)


def _states(bangui):
    """Bring the database into one state after another; yield the arguments of a prune in each."""
    yield ["--instance=web1"]
    cache_many(bangui, 1500)
    bangui.execute(MANY_BANS, 700)
    ban(bangui, "10.0.0.1", 1)
    yield ["--instance=web1", "--batch-size=100"]
    cache(bangui, "192.0.2.1", 100)
    yield ["--instance=web2"]
    yield ["--instance=web2", "--held-ok"]
    bangui.ok("lock", "release", "--force")
    yield ["--instance=web2"]


def test_a_dry_run_says_what_the_next_run_does_and_changes_nothing(bangui):
    """The verdict on the lock, the counts and the exit code are those of the run right after it."""
    for arguments in _states(bangui):
        content = bangui.database.read_bytes()

        dry = bangui.run("prune", "--dry-run", "--json", *arguments)

        assert content == bangui.database.read_bytes()
        wet = bangui.run("prune", "--json", *arguments)
        assert (dry.code, _comparable(dry)) == (wet.code, _comparable(wet))
        assert dry.json["dry_run"] is True
        assert set(wet.json) == {
            "job", "outcome", "pruned_cache", "pruned_history", "freed_bytes", "duration_s",
            "correlation_id", "lock",
        }  # fmt: skip


def _comparable(ended):
    keys = ("job", "outcome", "pruned_cache", "pruned_history", "freed_bytes", "lock")
    report = {key: ended.json[key] for key in keys}
    if report["lock"]["outcome"] not in ("refreshed", "held"):
        report["lock"]["lease_id"] = "known only once it is taken"
    return report


def test_a_held_lock_is_not_pruned_under(bangui):
    """Exit 75, or 0 with --held-ok, and nothing is written, not even the record."""
    bangui.ok("heartbeat", "--instance", "web2")
    cache(bangui, "192.0.2.1", 300)
    content = bangui.database.read_bytes()

    held = bangui.run("prune", "--json")
    ordinary = bangui.run("prune", "--held-ok", "--wait", "0.2")

    assert (held.code, held.json["outcome"], ordinary.code) == (75, "held", 0)
    assert held.event_names == ["scheduler_lock_held_by_other_instance"]
    assert "prune can --wait" in held.events[0]["hint"]
    assert content == bangui.database.read_bytes()


def test_wait_takes_a_lock_that_expires_meanwhile(bangui):
    """It looks again until the lock is free."""
    bangui.ok("heartbeat", "--instance", "web2")
    bangui.execute("UPDATE scheduler_lock SET heartbeat_timeout = heartbeat_timeout - 298.5")

    assert bangui.ok("prune", "--wait", "20", "--json").json["lock"]["outcome"] == "taken_over"


def _wait_until_some_went(bangui, rows, table="geo_cache"):
    wait_until(lambda: count(bangui, table) < rows)


@pytest.mark.parametrize("table", ["geo_cache", "ban_history"])
def test_a_takeover_between_two_batches_stops_the_prune(bangui, table):
    """Not one more row is deleted after another instance took the lock, and nothing is recorded."""
    cache_many(bangui, 60_000)
    if table == "ban_history":
        bangui.execute(MANY_BANS, 60_000)
    prune = bangui.start("prune", "--batch-size", "10", "--json")
    _wait_until_some_went(bangui, 60_000, table)
    with closing(bangui.connect()) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE scheduler_lock SET lease_id = 'stolen', owner = 'web2', token = 2")
        left = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        job = connection.execute(JOB).fetchone()
        connection.execute("COMMIT")

    ended = bangui.end(prune)

    assert (ended.code, ended.event_names) == (75, ["geo_cache_cleanup_lock_lost"])
    assert (ended.json["outcome"], ended.json["lock"]["lease_id"]) == ("lost", "stolen")
    told = ended.json["pruned_cache" if table == "geo_cache" else "pruned_history"]
    assert told == 60_000 - left > 0
    assert count(bangui, table) == left
    assert bangui.rows(JOB) == [job]


def test_the_timeout_ends_a_prune_and_keeps_what_was_done(bangui):
    """The next run goes on from there."""
    cache_many(bangui, 200_000)

    ended = bangui.run("prune", "--batch-size", "5", "--timeout", "1", "--json")

    assert (ended.code, ended.json["outcome"]) == (124, "timeout")
    assert "geo_cache_cleanup_timeout" in ended.event_names
    assert 1 <= ended.json["duration_s"] < 1.3
    assert 0 < ended.json["pruned_cache"] == 200_000 - count(bangui, "geo_cache")
    rest = bangui.ok("prune", "--json").json["pruned_cache"]
    assert (rest + ended.json["pruned_cache"], count(bangui, "geo_cache")) == (180_000, 20_000)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_prune_between_two_batches(bangui, number):
    """What it reports is exactly what it deleted, and the record says that it failed."""
    cache_many(bangui, 60_000)
    prune = bangui.start("prune", "--batch-size", "10", "--json")
    _wait_until_some_went(bangui, 60_000)
    prune.send_signal(number)

    ended = bangui.end(prune)

    assert (ended.code, ended.json["outcome"]) == (128 + number, "error")
    assert ended.json["pruned_cache"] == 60_000 - count(bangui, "geo_cache") > 0
    state = job_state(bangui)
    assert (state["last_outcome"], state["last_count"]) == ("error", ended.json["pruned_cache"])


def _transactions(bangui):
    """Return how often the file was written, which its header tells."""
    return int.from_bytes(bangui.database.read_bytes()[24:28], "big")


@pytest.mark.parametrize("set_by", ["nobody", "option", "variable"])
def test_a_batch_is_as_large_as_its_time_allows_unless_its_size_is_set(bangui, set_by):
    """The default of the setting is meant for a flush; the first batches are small in any case."""
    cache_many(bangui, 30_000)
    if set_by == "variable":
        bangui.environment["BANGUI_BATCH_SIZE"] = "500"
    before = _transactions(bangui)

    bangui.ok("prune", *(["--batch-size=500"] if set_by == "option" else []))

    assert (_transactions(bangui) - before < 60) == (set_by == "nobody")
    assert count(bangui, "geo_cache") == 3000


def test_another_writer_gets_in_while_a_prune_runs(bangui):
    """SQLite's own busy handler, which sleeps up to 0.1 s between tries, finds a gap in time."""
    cache_many(bangui, 200_000)
    prune = bangui.start("prune", "--batch-size", "5")
    _wait_until_some_went(bangui, 200_000)
    with closing(sqlite3.connect(bangui.database, isolation_level=None, timeout=3)) as writer:
        for number in range(3):
            row = (f"::{number}", ago(0))
            writer.execute("INSERT INTO geo_cache_dirty (ip, resolved_at) VALUES (?, ?)", row)
    was_running = prune.poll() is None
    prune.terminate()
    bangui.end(prune)

    assert was_running


def test_a_prune_keeps_the_journal_mode(bangui):
    """It is its owner's choice."""
    bangui.execute("PRAGMA journal_mode = WAL")
    cache_many(bangui, 3000)

    bangui.ok("prune", "--compact", "--batch-size", "100")

    assert (count(bangui, "geo_cache"), bangui.rows("PRAGMA journal_mode")) == (300, [("wal",)])


# Compaction.


def test_compact_gives_the_space_back(bangui):
    """And the report says how much the file has shrunk by."""
    cache_many(bangui, 30_000)
    before = bangui.database.stat().st_size

    pruned = bangui.ok("prune", "--compact", "--json").json

    after = bangui.database.stat().st_size
    assert pruned["freed_bytes"] == before - after > before / 2
    assert count(bangui, "geo_cache") == 3000
    check_integrity(bangui.database)
    assert bangui.ok("prune", "--json").json["freed_bytes"] == 0


@pytest.fixture
def upkeep(bangui):
    """Open a database that has something to give back, and hold its lock under the lease "mine"."""
    cache_many(bangui, 3000)
    bangui.ok("prune")
    bangui.execute("UPDATE scheduler_lock SET lease_id = 'mine'")
    with open_upkeep(str(bangui.database)) as store:
        yield store


def _reading(bangui):
    reader = sqlite3.connect(bangui.database, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM geo_cache LIMIT 1").fetchall()
    return reader


def test_compact_waits_for_a_reader_that_lets_go(bangui, upkeep):
    """A report that is being read is no failure."""
    before = upkeep.size_bytes()
    threading.Timer(0.5, _reading(bangui).close).start()

    assert upkeep.compact("mine")
    assert upkeep.size_bytes() < before


def test_compact_gives_up_where_others_do_not_let_go(bangui, upkeep, monkeypatch):
    """It does not stand in their way, and the run ends with a hint."""
    monkeypatch.setattr("bangui_cli.store.sqlite.upkeep.LONGEST_WAIT_S", 0.3)
    before = upkeep.size_bytes()
    with (
        closing(_reading(bangui)),
        pytest.raises(DatabaseBusy, match="pruned, but not compacted: others"),
    ):
        upkeep.compact("mine")

    assert upkeep.size_bytes() == before


def test_compact_without_the_lease_does_nothing(upkeep):
    """Whoever has it now may be in the middle of a flush."""
    before = upkeep.size_bytes()

    assert not upkeep.compact("another")
    assert upkeep.size_bytes() == before


@needs_root
@pytest.mark.parametrize("place", ["beside", "temporary"])
def test_compact_is_refused_where_there_is_no_room_for_it(bangui, place):
    """Exit 74 and a hint, before SQLite fills the disk; what was pruned stays pruned."""
    cache_many(bangui, 30_000)
    size_kib = bangui.database.stat().st_size // 1024
    directory = bangui.home / "disk"
    directory.mkdir()
    with small_disk(directory, size_kib * 7 // 4 if place == "beside" else 100):
        if place == "beside":
            bangui.database = Path(shutil.move(bangui.database, directory))
            bangui.environment["BANGUI_DATABASE_PATH"] = str(bangui.database)
        else:
            bangui.environment["SQLITE_TMPDIR"] = str(directory)
        size_bytes = bangui.database.stat().st_size

        ended = bangui.run("prune", "--compact", "--json")

        assert (ended.code, ended.json["outcome"], ended.json["pruned_cache"]) == (74, "error", 27_000)
        assert ended.events[-1]["error"].startswith("pruned, but not compacted: ")
        assert f"{directory}: " in ended.events[-1]["error"]
        assert "stays so" in ended.events[-1]["hint"]
        assert bangui.database.stat().st_size == size_bytes
        assert count(bangui, "geo_cache") == 3000
        state = job_state(bangui)
        assert state["last_outcome"] == "error"
