"""A process that was stopped past its lease writes nothing after another instance took over."""

import random
import signal
import time

import pytest
from invariants import Ledger, check_database, check_run
from workload import make_entries, stage

ROWS = 8000
SHORT_TTL = {"BANGUI_LOCK_TTL": "0.7", "BANGUI_HEARTBEAT_INTERVAL": "0.2"}


def _taken_over(bangui, flush):
    """Take the lock over for web2, letting the stopped process out of its transaction if needed."""
    deadline_s = time.monotonic() + 20
    while flush.poll() is None and time.monotonic() < deadline_s:
        ended = bangui.run("heartbeat", "--timeout", 1, "--json", env={"BANGUI_INSTANCE": "web2"})
        if ended.code == 0:
            return ended.json["lock"]
        assert ended.code in (75, 124), ended
        if ended.code == 124:
            flush.send_signal(signal.SIGCONT)
            time.sleep(0.003)
            flush.send_signal(signal.SIGSTOP)
    return None


@pytest.mark.parametrize("takeovers", [1, pytest.param(10, marks=pytest.mark.torture)])
def test_a_flush_that_was_stopped_past_its_lease_writes_nothing_more(bangui, takeovers):
    """It ends with 75 and its own event, the database as the new holder left it."""
    bangui.environment |= SHORT_TTL
    chance, done, generation, ledger = random.Random(takeovers), 0, 0, Ledger()
    while done < takeovers:
        generation += 1
        entries = make_entries(ROWS, generation)
        stage(bangui.database, entries)
        ledger.acknowledge(entries)
        bangui.ok("lock", "release", "--force")
        flush = bangui.start("flush", "--batch-size", 10)
        while bangui.rows("SELECT owner FROM scheduler_lock WHERE id = 1") != [("web1",)]:
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 0.15))
        flush.send_signal(signal.SIGSTOP)
        lock = _taken_over(bangui, flush)
        before = bangui.database.read_bytes()
        flush.send_signal(signal.SIGCONT)
        _, stderr = flush.communicate(timeout=30)
        if lock is None:
            continue
        done += 1

        assert flush.returncode == 75
        check_run(flush.returncode, stderr)
        assert '"event": "geo_cache_flush_lock_lost"' in stderr.splitlines()[-1]
        assert (lock["owner"], lock["outcome"]) == ("web2", "taken_over")
        assert before == bangui.database.read_bytes()
        check_database(bangui.database, ledger)
    print(f"{done} leases lost in {generation} flushes, nothing written after any of them")
