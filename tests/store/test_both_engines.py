"""What every engine promises, whichever it is: the verbs of the store on real databases of both."""

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Bangui

from bangui_cli.access import locking
from bangui_cli.rules.ban import Ban, KeptBan
from bangui_cli.rules.entry import Entry, pack
from bangui_cli.rules.retention import Retention
from bangui_cli.states.errors import LockHeld, SchemaNewer
from bangui_cli.store import (
    Decision,
    JobFinish,
    JobStart,
    Store,
    open_handover,
    open_memory,
    open_store,
    open_upkeep,
)
from bangui_cli.store.bans import EVERY_BAN, BanFilter
from bangui_cli.store.handover import Handover
from bangui_cli.store.memory import Memory
from bangui_cli.store.upkeep import Upkeep

NOON, LATER = "2026-01-01T12:00:00.000Z", "2026-01-01T13:00:00.000Z"
FLUSH = "geo_cache_flush"


@pytest.fixture
def store(on_either: Bangui) -> Iterator[Store]:
    with open_store(on_either.environment["BANGUI_DATABASE_PATH"]) as opened:
        yield opened


def entry(ip: str, code: str | None = "DE", time: str = NOON, asn: str | None = None) -> Entry:
    return Entry(ip, code, code and "Name", asn, asn and "Org", time)


def take(store: Store, instance: str = "web1", *, ends: bool = False) -> locking.Holding:
    """Come by the lock as a run of a flush does."""

    def judge(situation: Any) -> Any:
        holding = locking.hold(situation, instance, 300.0)
        finish = JobFinish(FLUSH, "run", "ok", 0, 0.5) if ends else None
        return Decision(holding.after, JobStart(FLUSH, "run", holding.token, 0.5), finish), holding

    return store.decide(judge)


def verdict(store: Store, instance: str = "web1") -> str:
    with store.snapshot():
        return locking.inspect(store, instance)[1].verdict


def stage(store: Store, *entries: Entry) -> None:
    store.stage([pack(each) for each in entries])


def move(store: Store, lease_id: str, after: str = "", rows: int = 1000, before: int = 0) -> Any:
    return store.move_batch(lease_id, after, rows, JobFinish(FLUSH, "run", "ok", before, 1.0))


def sweep(store: Store, rows: int = 1000) -> int:
    lease_id, after, moved = take(store).lease_id, "", 0
    with store.sweeping():
        while after is not None:
            batch = move(store, lease_id, after, rows, moved)
            after, moved = batch.through, moved + batch.rows
    return moved


def known(store: Store, *ips: str) -> tuple[list[Entry], list[Entry]]:
    with store.snapshot():
        cached, dirty = store.find_many(ips)
    return sorted(cached), sorted(dirty)


def test_a_free_lock_is_taken_by_one_and_kept(store: Store):
    """By another it is neither taken nor touched."""
    first = take(store)
    again = take(store)

    with pytest.raises(LockHeld):
        take(store, "web2")
    assert (first.judgement.outcome, again.judgement.outcome) == ("created", "refreshed")
    assert (again.lease_id, again.token) == (first.lease_id, 1)
    assert (verdict(store), verdict(store, "web2")) == ("mine", "held")


def test_a_released_lock_is_free_and_its_token_counts_on(store: Store):
    """The next lease must be told from the last one."""
    take(store)
    locking.release(store, "web1", lease_id=None, force=False)

    assert verdict(store) == "free"
    assert take(store, "web2").token == 2


def test_what_a_judge_does_not_decide_is_not_written(store: Store):
    """Nor what it decides when it fails."""

    def fail(_: Any) -> Any:
        raise LookupError

    assert store.decide(lambda _: (None, "seen")) == "seen"
    with pytest.raises(LookupError):
        store.decide(fail)
    assert verdict(store) == "free"


def test_a_run_is_recorded_at_its_start_and_at_its_end(store: Store):
    """And a run that ends at once, in one step."""
    holding = take(store)
    with store.snapshot():
        begun = store.job_state(FLUSH)
    assert store.record_finish(holding.lease_id, JobFinish(FLUSH, "run", "error", None, 2.5))
    with store.snapshot():
        failed = store.job_state(FLUSH)
    take(store, ends=True)
    with store.snapshot():
        done = store.job_state(FLUSH)

    assert (begun["runs_total"], begun["last_outcome"], begun["last_correlation_id"]) == (1, None, "run")
    assert (failed["last_outcome"], failed["last_duration_s"], failed["last_count"]) == (
        "error",
        2.5,
        None,
    )
    assert (failed["failures_total"], failed["consecutive_failures"]) == (1, 1)
    assert failed["last_success_at"] is None
    assert (done["runs_total"], done["last_outcome"], done["last_count"]) == (2, "ok", 0)
    assert (done["failures_total"], done["consecutive_failures"]) == (1, 0)
    assert done["last_success_at"] == done["last_finished_at"] >= failed["last_finished_at"]


def test_a_job_outside_the_lock_has_a_row_for_each_instance(store: Store):
    """What one host collects says nothing of another."""
    start = JobStart("history_sync", "one", 0, 0.1, "web1")
    store.record_run(start, JobFinish("history_sync", "one", "ok", 7, 0.1, "web1"))

    with store.snapshot():
        mine, others = store.job_state("history_sync", "web1"), store.job_state("history_sync", "web2")
    assert (mine["runs_total"], mine["last_count"], mine["last_outcome"]) == (1, 7, "ok")
    assert (others["runs_total"], others["last_finished_at"]) == (0, None)


def test_instances_that_do_a_job_are_listed_with_their_last_success(store: Store):
    """Whoever has not succeeded yet, too; others are not."""
    for instance, outcome in (("web2", "ok"), ("web1", "error")):
        start = JobStart("history_sync", "one", 0, 0.1, instance)
        store.record_run(start, JobFinish("history_sync", "one", outcome, 7, 0.1, instance))
    take(store, ends=True)

    with store.snapshot():
        found = store.last_successes("history_sync")
        assert store.last_successes(FLUSH) == {}
    assert list(found) == ["web1", "web2"]
    assert found["web1"] is None
    assert found["web2"] is not None


def test_a_flush_moves_each_row_once_in_the_order_of_addresses(store: Store):
    """In batches, to the end of the sweep, counted."""
    ips = [f"192.0.2.{number}" for number in range(25)]
    stage(store, *map(entry, ips))

    assert sweep(store, rows=10) == 25

    cached, dirty = known(store, *ips)
    assert [each.ip for each in cached] == sorted(ips)
    assert dirty == []
    with store.snapshot():
        state = store.job_state(FLUSH)
        assert store.count_cache_rows() == (25, 0)
        assert store.count_dirty_rows() == 0
    assert (state["flushed_total"], state["last_count"], state["last_outcome"]) == (25, 25, "ok")


def test_a_sweep_goes_on_behind_the_address_that_it_has_come_to(store: Store):
    """What is staged before it waits for the next one."""
    stage(store, entry("192.0.2.1"), entry("192.0.2.5"), entry("192.0.2.9"))
    lease_id = take(store).lease_id
    batch = move(store, lease_id, rows=2)
    stage(store, entry("192.0.2.2"))

    assert (batch.rows, batch.through) == (2, "192.0.2.5")
    assert move(store, lease_id, batch.through, 2)[:2] == (1, None)
    assert [each.ip for each in known(store, "192.0.2.2")[1]] == ["192.0.2.2"]


def test_without_the_lease_nothing_is_moved_or_recorded(store: Store):
    """Another instance may have taken over since."""
    stage(store, entry("192.0.2.1"))
    lost = take(store).lease_id
    locking.release(store, "web1", lease_id=None, force=True)
    take(store, "web2")

    assert move(store, lost) is None
    assert not store.record_finish(lost, JobFinish(FLUSH, "late", "ok", 1, 1.0))

    assert known(store, "192.0.2.1")[0] == []
    with store.snapshot():
        assert store.job_state(FLUSH)["last_correlation_id"] == "run"


def test_staging_merges_each_half_by_the_rule(store: Store):
    """Also of entries that come in one batch, of which the last counts where the times are equal."""
    stage(store, entry("192.0.2.1", "DE", LATER), entry("192.0.2.2", "DE"))
    stage(
        store,
        entry("192.0.2.1", None, NOON, "AS5"),
        entry("192.0.2.2", "FR"),
        entry("192.0.2.2", "IT"),
        entry("192.0.2.3", None, NOON),
        entry("192.0.2.3", "AT", NOON),
    )

    _, dirty = known(store, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    assert [(each.country_code, each.asn, each.resolved_at) for each in dirty] == [
        ("DE", "AS5", LATER), ("IT", None, NOON), ("AT", None, NOON),
    ]  # fmt: skip


def test_a_flush_merges_with_what_is_cached(store: Store):
    """An older entry leaves the newer one as it is."""
    stage(store, entry("192.0.2.1", "DE", LATER))
    sweep(store)
    stage(store, entry("192.0.2.1", "FR", NOON, "AS5"))
    sweep(store)

    (cached,), dirty = known(store, "192.0.2.1")
    assert (cached.country_code, cached.asn, cached.resolved_at, dirty) == ("DE", "AS5", LATER, [])


def test_reports_count_by_key(store: Store):
    """And by the names of each; what is unknown has a line of its own."""
    stage(store, entry("192.0.2.1", "DE", asn="AS1"), entry("192.0.2.2", "DE"), entry("192.0.2.3", None))
    stage(store, entry("192.0.2.4", "DE", asn="AS1")._replace(org="Zorg"))
    sweep(store)

    with store.snapshot():
        by_country, by_asn = store.count_by("country"), store.count_by("asn")
        assert store.count_cache_rows() == (4, 1)
    assert sorted(by_country, key=str) == [("DE", "Name", 3), (None, None, 1)]
    assert sorted(by_asn, key=str) == [("AS1", "Org", 1), ("AS1", "Zorg", 1), (None, None, 2)]


def test_the_oldest_row_that_waits_is_told(store: Store):
    """With how many there are."""
    stage(store, entry("192.0.2.1", time=LATER), entry("192.0.2.2", time=NOON))

    with store.snapshot():
        assert (store.count_dirty_rows(), store.oldest_dirty()) == (2, NOON)
        situation = store.situation()
    assert situation.has_dirty_rows


def ban(second: int, ip: str = "192.0.2.1", jail: str = "sshd", **values: Any) -> Ban:
    moment = f"2026-01-01T00:00:{second:02}.000Z"
    return Ban(jail, ip, moment, 600, 1, 5)._replace(**values)


@pytest.fixture
def memory(on_either: Bangui) -> Iterator[Memory]:
    with open_memory(on_either.environment["BANGUI_DATABASE_PATH"]) as opened:
        yield opened


def test_a_ban_is_recorded_once_and_its_later_values_count(memory: Memory):
    """With how far the reading came, in one step."""
    odd = ban(2, jail="a\x1fb\nc'd\\e%s")
    assert memory.record_bans("web1", [ban(1), odd], None, "one") == (2, 0)
    assert memory.record_bans("web2", [ban(1)], None, "other") == (1, 0)
    changed = [ban(1, bantime_s=-1, failures=None), odd, ban(3, "192.0.2.0/24")]
    assert memory.record_bans("web1", changed, "one", "two") == (1, 1)

    with memory.snapshot():
        marks = memory.collect_mark("web1"), memory.collect_mark("web2"), memory.collect_mark("web3")
        newest = memory.bans.list_newest(BanFilter(instances=("web1",)))
    assert marks == ("two", "other", None)
    assert [(each.jail, each.ip, each.bantime_s, each.failures) for each in newest] == [
        ("sshd", "192.0.2.0/24", 600, 5), (odd.jail, "192.0.2.1", 600, 5), ("sshd", "192.0.2.1", -1, None),
    ]  # fmt: skip


def test_bans_that_another_run_has_read_meanwhile_are_not_recorded(memory: Memory):
    """It is told to look again, at the first time, too."""
    memory.record_bans("web1", [ban(1)], None, "one")

    assert memory.record_bans("web1", [ban(2)], None, "first") is None
    assert memory.record_bans("web1", [ban(2)], "none", "late") is None

    with memory.snapshot():
        assert memory.collect_mark("web1") == "one"
        assert memory.bans.extent(EVERY_BAN).bans == 1


def test_addresses_that_nobody_knows_are_found_piece_by_piece(memory: Memory):
    """Those of this instance; of a network the first one."""
    stage(memory, entry("192.0.2.1"))
    memory.record_bans("web1", [ban(n, f"192.0.2.{n}") for n in (1, 2, 3)], None, "one")
    memory.record_bans("web1", [ban(4, "198.51.100.0/24"), ban(5, "192.0.2.2")], "one", "two")
    memory.record_bans("web2", [ban(6, "192.0.2.9")], None, "other")

    found: list[str] = []
    after: str | None = ""
    while after is not None:
        with memory.snapshot():
            some, after = memory.find_unknown("web1", after, 2)
        found += some
    assert found == ["192.0.2.2", "192.0.2.3", "198.51.100.0"]


PRUNE = "geo_cache_cleanup"


@pytest.fixture
def upkeep(on_either: Bangui) -> Iterator[Upkeep]:
    with open_upkeep(on_either.environment["BANGUI_DATABASE_PATH"]) as opened:
        yield opened


def prune(upkeep: Upkeep, lease_id: str, kept: Retention, rows: int = 2) -> tuple[int, int] | None:
    """Delete in small batches; return how many rows of the history and of the cache."""
    deleted = [0, 0]
    with upkeep.pruning():
        batch = upkeep.prune_history(lease_id, rows, kept)
        while batch:
            deleted[0] += batch.rows
            batch = upkeep.prune_history(lease_id, rows, kept) if batch.through is not None else None
        after: str | None = ""
        while after is not None:
            finish = JobFinish(PRUNE, "run", "ok", deleted[1], 1.0)
            batch = upkeep.prune_cache(lease_id, after, rows, kept, finish)
            if batch is None:
                return None
            after, deleted[1] = batch.through, deleted[1] + batch.rows
    return deleted[0], deleted[1]


def test_a_prune_deletes_what_is_old_and_nothing_refers_to(upkeep: Upkeep, on_either: Bangui):
    """As many as were foretold, in batches, recorded at the end."""
    old, new = "2025-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"
    ips = [f"192.0.2.{number}" for number in range(1, 8)]
    stage(upkeep, *map(entry, ips))
    sweep(upkeep)
    stage(upkeep, entry(ips[0]))
    schema = "bangui." if hasattr(on_either, "url") else ""
    on_either.execute(f"UPDATE {schema}geo_cache SET cached_at = '{old}', last_seen = '{old}'")
    on_either.execute(f"UPDATE {schema}geo_cache SET last_seen = '{new}' WHERE ip = '{ips[1]}'")
    on_either.execute(f"UPDATE {schema}geo_cache SET last_seen = NULL WHERE ip = '{ips[6]}'")
    with open_memory(on_either.environment["BANGUI_DATABASE_PATH"]) as memory:
        kept_bans = [ban(1, ips[2]), ban(2, f"{ips[3]}/32".replace("/32", "/31"))]
        memory.record_bans("web1", [*kept_bans, ban(3, ips[4], banned_at=old)], None, "one")
    kept = Retention("2025-06-01T00:00:00.000Z", "2025-06-01T00:00:00.000Z")
    with upkeep.snapshot():
        foretold = upkeep.count_prunable(kept)
    lease_id = take(upkeep).lease_id

    deleted = prune(upkeep, lease_id, kept)
    assert deleted == (1, 3)
    # What referred to an address was itself pruned.
    assert foretold == (3, 1)
    assert [each.ip for each in known(upkeep, *ips)[0]] == ips[:4]
    with upkeep.snapshot():
        state = upkeep.job_state(PRUNE)
    assert state["runs_total"] == 0  # nobody has recorded its start
    assert prune(upkeep, "lost", kept) is None


def test_what_is_forgotten_is_known_nowhere(upkeep: Upkeep, on_either: Bangui):
    """Addresses, and all that is in networks; the next run of `collect` reads all bans anew."""
    ips = ["192.0.2.1", "192.0.2.10", "192.0.2.128", "198.51.100.1", "2001:db8::1", "2001:db9::1"]
    stage(upkeep, *map(entry, ips))
    sweep(upkeep)
    stage(upkeep, *map(entry, ips))
    bans = [ban(n, ip) for n, ip in enumerate([*ips, "192.0.2.128/26", "192.0.0.0/16"])]
    with open_memory(on_either.environment["BANGUI_DATABASE_PATH"]) as memory:
        memory.record_bans("web1", bans, None, "one")
        assert upkeep.forget(["203.0.113.1"]) == (0, 0, 0)
        with memory.snapshot():
            assert memory.collect_mark("web1") == "one"

        assert upkeep.forget(["192.0.2.1", "192.0.2.128/25", "2001:db8::/32"]) == (3, 3, 4)

        left = ["192.0.2.10", "198.51.100.1", "2001:db9::1"]
        assert [[each.ip for each in side] for side in known(upkeep, *ips)] == [left, left]
        with memory.snapshot():
            assert memory.collect_mark("web1") is None
            kept = {each.ip for each in memory.bans.list_newest(EVERY_BAN)}
    assert kept == {*left, "192.0.0.0/16"}


def test_all_of_a_family_can_be_forgotten(upkeep: Upkeep):
    """Whose texts have no common beginning."""
    stage(upkeep, entry("192.0.2.1"), entry("2001:db8::1"))

    assert upkeep.forget(["::/0"]) == (0, 1, 0)
    assert upkeep.forget(["0.0.0.0/0"]) == (0, 1, 0)


@pytest.fixture
def handover(on_either: Bangui) -> Iterator[Handover]:
    with open_handover(on_either.environment["BANGUI_DATABASE_PATH"]) as opened:
        yield opened


def handed_over(bangui: Bangui, what: str, since: str = "") -> list[Any]:
    with open_handover(bangui.environment["BANGUI_DATABASE_PATH"]) as opened:
        return list(getattr(opened, f"export_{what}")(since))


def test_what_is_handed_over_is_what_a_lookup_tells(handover: Handover, on_either: Bangui):
    """Cached, dirty, or both merged, in the order of addresses; since a time, or all."""
    stage(handover, entry("192.0.2.10"), entry("192.0.2.9", "FR", LATER), entry("2001:db8::1"))
    sweep(handover)
    stage(handover, entry("192.0.2.10", None, LATER, "AS5"), entry("192.0.2.1"))

    told = handed_over(on_either, "cache")
    assert [(each.ip, each.country_code, each.asn, each.resolved_at) for each in told] == [
        ("192.0.2.1", "DE", None, NOON), ("192.0.2.10", "DE", "AS5", LATER),
        ("192.0.2.9", "FR", None, LATER), ("2001:db8::1", "DE", None, NOON),
    ]  # fmt: skip
    assert [each.ip for each in handed_over(on_either, "cache", LATER)] == ["192.0.2.10", "192.0.2.9"]


def test_bans_that_are_handed_over_come_back_as_they_were(handover: Handover, on_either: Bangui):
    """Of one that comes twice the last counts."""
    bans = [
        KeptBan("web1", "sshd", "192.0.2.1", NOON, 600, 1, None),
        KeptBan("web2", "a'b", "::1", LATER, -1, 2, 3),
    ]
    handover.keep_bans([bans[1], bans[0]._replace(bancount=9), bans[0]])

    assert handed_over(on_either, "history") == bans
    handover.keep_bans([bans[0]._replace(bantime_s=1200)])
    assert handed_over(on_either, "history") == [bans[0]._replace(bantime_s=1200), bans[1]]
    assert handed_over(on_either, "history", LATER) == bans[1:]


def test_never_keeps_all(upkeep: Upkeep):
    """However old."""
    stage(upkeep, entry("192.0.2.1", time="1990-01-01T00:00:00.000Z"))
    sweep(upkeep)

    assert prune(upkeep, take(upkeep).lease_id, Retention("", "")) == (0, 0)
    assert len(known(upkeep, "192.0.2.1")[0]) == 1


def test_a_newer_schema_is_not_touched(store: Store, on_either: Bangui):
    """An older bangui on one host of many must not write what it does not understand."""
    if hasattr(on_either, "url"):
        on_either.execute("INSERT INTO bangui.schema_migrations VALUES ('9999_new', '')")
    else:
        on_either.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('bangui', '9999', '')"
        )

    with store.snapshot(), pytest.raises(SchemaNewer):
        store.require_schema()
    with pytest.raises(SchemaNewer):
        take(store)


def test_the_database_describes_itself(store: Store):
    """With the same keys."""
    with store.snapshot():
        told = store.describe()
        assert store.initialised_at() is not None
    assert set(told) == {"path", "journal_mode", "schema", "size_bytes"}
    assert told["size_bytes"] > 0
