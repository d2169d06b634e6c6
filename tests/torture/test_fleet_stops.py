"""A run on a server that stands still, or whose host has gone, holds up nobody and writes nothing later."""

import collections
import json
import random
import signal
import time

import pytest
from conftest import wait_until
from relays import open_relay
from servers import OnServer

from bangui_cli.access import locking
from bangui_cli.states.errors import LockHeld
from bangui_cli.store import Decision, Store, open_store

TTL_S, INTERVAL_S, PATIENCE_S = 1.0, 0.3, 3.0
ENV = {"BANGUI_LOCK_TTL": str(TTL_S), "BANGUI_HEARTBEAT_INTERVAL": str(INTERVAL_S)}
ROWS, BATCH_ROWS = 20_000, 50
FILL = f"""
INSERT INTO bangui.geo_cache_dirty
SELECT host('10.0.0.0'::inet + n), 'DE', 'Germany', 'AS1', 'Org', '2026-01-01T00:00:00.000Z'
  FROM generate_series(1, {ROWS}) AS n"""
EMPTY = "TRUNCATE bangui.geo_cache_dirty, bangui.geo_cache"
FREE = """
UPDATE bangui.scheduler_lock SET owner = NULL, lease_id = NULL, boot_id = NULL, heartbeat_at = 0,
       heartbeat_written = 0, heartbeat_boottime = 0"""
MOVED = "SELECT count(*) FROM bangui.geo_cache"
FEW_OR_MANY = pytest.mark.parametrize("rounds", [2, pytest.param(40, marks=pytest.mark.torture)])


def _prepare(fleet: OnServer) -> None:
    fleet.execute(EMPTY)
    fleet.execute(FREE)
    fleet.execute(FILL)


def _flush(fleet: OnServer, chance: random.Random, number: int, **options: object):
    """Start a flush; come back at any moment of its start, or of its work."""
    run = fleet.start("flush", "--json", "--batch-size", BATCH_ROWS, **options)
    if number % 4 == 3:
        time.sleep(chance.uniform(0.0, 0.3))
    else:
        wait_until(lambda: run.poll() is not None or fleet.rows(MOVED)[0][0])
        time.sleep(chance.uniform(0.0, 0.3))
    return run


def _take_over(fleet: OnServer) -> float:
    """Try until another instance has the lock, for long; return how long that took.

    In this process: on a busy machine a new one takes longer to start than the lock to expire.
    """
    began_s = time.monotonic()
    with open_store(fleet.url) as opened:
        while not _try_to_take_over(opened):
            assert time.monotonic() - began_s < 20
            time.sleep(0.02)
        return time.monotonic() - began_s


def _try_to_take_over(opened: Store) -> bool:
    try:
        opened.decide(lambda found: (Decision(locking.hold(found, "web2", 300).after), None))
    except LockHeld:
        return False
    return True


@FEW_OR_MANY
def test_a_flush_stopped_at_any_moment_loses_the_lock_and_writes_nothing_later(
    on_server: OnServer, rounds: int
):
    """Not even what it was about to send."""
    chance, takes_s, outcomes = random.Random(rounds), [], collections.Counter()
    for number in range(rounds):
        _prepare(on_server)
        run = _flush(on_server, chance, number, env=ENV)
        run.send_signal(signal.SIGSTOP)
        takes_s.append(_take_over(on_server))
        contents = on_server.contents()
        run.send_signal(signal.SIGCONT)
        ended = on_server.end(run)
        outcomes[ended.json["outcome"]] += 1

        assert on_server.contents() == contents, ended
        assert ended.code in (0, 75), ended
        assert on_server.rows("SELECT count(*) FROM bangui.geo_cache_dirty")[0][0] == ROWS - len(
            contents[0]
        )
    print(f"taken over after {max(takes_s):.2f} s at most; stopped: {dict(outcomes)}")

    assert max(takes_s) < TTL_S + INTERVAL_S + PATIENCE_S
    assert outcomes["lost"]


@FEW_OR_MANY
def test_a_host_that_vanishes_at_any_moment_loses_the_lock_and_writes_nothing_later(
    on_server: OnServer, rounds: int
):
    """Whether it dies then, or comes back with what it had sent."""
    chance, takes_s, outcomes = random.Random(rounds), [], collections.Counter()
    for number in range(rounds):
        _prepare(on_server)
        with open_relay(on_server.server) as relay:
            url = f"postgresql://postgres@{relay.address}/{on_server.name}"
            run = _flush(on_server, chance, number, env={**ENV, "BANGUI_DATABASE_PATH": url})
            relay.silence()
            takes_s.append(_take_over(on_server))
            if number % 2:
                run.kill()
            contents = on_server.contents()
            relay.resume()
            ended = on_server.end(run)
            wait_until(lambda: on_server.count_connected() == 0)
        outcomes[ended.json["outcome"] if ended.stdout else "killed"] += 1

        assert on_server.contents() == contents, ended
        assert ended.code in (0, 75, -signal.SIGKILL), ended
    print(f"taken over after {max(takes_s):.2f} s at most; gone: {dict(outcomes)}")

    assert max(takes_s) < TTL_S + INTERVAL_S + PATIENCE_S
    assert outcomes["lost"] + outcomes["killed"]


@FEW_OR_MANY
def test_a_stager_stopped_at_any_moment_holds_up_no_flush(on_server: OnServer, rounds: int):
    """What it has staged until then is moved; the rest comes when it goes on."""
    chance, ips = random.Random(rounds), [f"10.{n >> 8}.{n & 255}.1" for n in range(40_000)]
    file = on_server.home / "rows.jsonl"
    file.write_text("".join(json.dumps({"ip": ip, "country_code": "DE"}) + "\n" for ip in ips))
    for _ in range(rounds):
        on_server.execute(EMPTY)
        run = on_server.start("import", file)
        wait_until(lambda: on_server.rows("SELECT 1 FROM bangui.geo_cache_dirty LIMIT 1"))
        time.sleep(chance.uniform(0.0, 0.5))
        run.send_signal(signal.SIGSTOP)
        on_server.ok("flush", "--timeout", 20)
        run.send_signal(signal.SIGCONT)
        assert on_server.end(run).code == 0
        on_server.ok("flush")

        assert on_server.rows(MOVED) == [(len(ips),)]
