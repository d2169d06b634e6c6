"""A dirty table through which a million rows went is as small and as fast as a new one."""

import random
import statistics
import time
from collections.abc import Iterator

import pytest
from conftest import wait_until
from servers import OnServer

from bangui_cli import store
from bangui_cli.access import locking
from bangui_cli.rules.entry import Entry, pack
from bangui_cli.store import Decision, JobFinish, JobStart, Store, open_store

FLUSH = "geo_cache_flush"
CYCLES, ROWS = 1000, 1000
CYCLES_A_VACUUM = 20
MOST_BYTES = 10_000_000
COMPARED = 31
SIZE = "SELECT pg_total_relation_size('bangui.geo_cache_dirty')"
SWEPT = "SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'geo_cache_dirty'"


def packed_rows(chance: random.Random) -> list[str]:
    """Return entries of addresses that hardly ever come twice."""
    numbers = chance.sample(range(2**24), ROWS)
    ips = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in numbers]
    time_text = "2026-01-01T00:00:00.000Z"
    return [pack(Entry(ip, "DE", "Germany", "AS64496", "Example", time_text)) for ip in ips]


def flush(opened: Store) -> float:
    """Flush as the job does, without the start of a process; return the seconds."""
    began_s = time.perf_counter()

    def judge(situation):
        holding = locking.hold(situation, "web1", 300.0)
        return Decision(holding.after, JobStart(FLUSH, "run", holding.token, 0.0), None), holding

    lease_id, after, rows = opened.decide(judge).lease_id, "", 0
    while after is not None:
        batch = opened.move_batch(lease_id, after, 1000, JobFinish(FLUSH, "run", "ok", rows, 0.0))
        assert batch
        after, rows = batch.through, rows + batch.rows
    assert rows == ROWS
    return time.perf_counter() - began_s


def cycles(opened: Store, chance: random.Random) -> Iterator[float]:
    while True:
        opened.stage(packed_rows(chance))
        yield flush(opened)


def wait_for_vacuum(on_server: OnServer, seen: int) -> int:
    """Wait for one more vacuum than were seen; return how many there have been."""
    wait_until(lambda: on_server.rows(SWEPT)[0][0] > seen)
    return int(on_server.rows(SWEPT)[0][0])


@pytest.mark.torture
def test_a_thousand_flushes_leave_a_table_small_and_fast(on_server: OnServer):
    """Less than 10 MB at each moment, and a flush takes less than twice as long as in a new database.

    Those two take turns at the end, so that a busy machine slows both. The cluster looks each second
    whether there is something to vacuum, and each so many cycles are waited for it: twice as many as
    are flushed in a fleet, one a minute, between the vacuums that its 10,000 dead rows ask for.
    """
    on_server.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    on_server.execute("SELECT pg_reload_conf()")
    chance, sizes, vacuums = random.Random(1), list[int](), 0
    with open_store(on_server.url) as used:
        taken = cycles(used, chance)
        first_s = [next(taken) for _ in range(COMPARED)]
        for number in range(CYCLES):
            next(taken)
            sizes.append(on_server.rows(SIZE)[0][0])
            if number % CYCLES_A_VACUUM == 0:
                vacuums = wait_for_vacuum(on_server, vacuums)

        other = on_server.server.make_database()
        store.initialise(other, journal_mode=None, force=False)
        with open_store(other) as fresh:
            new = cycles(fresh, chance)
            pairs = [(next(taken), next(new)) for _ in range(COMPARED)]

    last_s, new_s = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(
        f"{CYCLES:,} cycles of {ROWS:,} rows, {vacuums} vacuums: {max(sizes) / 1e6:.1f} MB at most; the "
        f"last flush {last_s / statistics.median(first_s):.2f} x the first, {last_s / new_s:.2f} x a new "
        "database's beside it"
    )
    assert max(sizes) < MOST_BYTES
    assert last_s / new_s < 2
