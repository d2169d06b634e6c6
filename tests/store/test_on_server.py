"""How runs on a server meet: locks without waits of a client, deadlines, signals, herds."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geoip
import pytest
from conftest import wait_until
from failures import final_event
from relays import open_relay
from servers import Connection, OnServer, connect

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.rules.entry import Entry, pack
from bangui_cli.store.postgresql.store import PostgresqlStore

OPEN = """
SELECT count(*) FROM pg_stat_activity
 WHERE application_name = 'bangui' AND state LIKE 'idle in transaction%'"""
RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bangui' AND state = 'active'"
FREE = """
UPDATE bangui.scheduler_lock SET pid = NULL, hostname = NULL, created_at = NULL, heartbeat_at = NULL,
       heartbeat_timeout = NULL, owner = NULL, lease_id = NULL, token = NULL, boot_id = NULL,
       heartbeat_boottime = NULL, heartbeat_written = NULL"""


def fill(bangui: OnServer, rows: int) -> None:
    bangui.execute(
        "INSERT INTO bangui.geo_cache_dirty SELECT host('10.0.0.0'::inet + n), 'DE', 'Germany', 'AS1',"
        f" 'Org', '2026-01-01T00:00:00.000Z' FROM generate_series(1, {rows}) AS n"
    )


@contextmanager
def held(bangui: OnServer, statement: str) -> Iterator[Connection]:
    """Hold what a statement locks, as another program in the middle of its transaction."""
    connection = connect(bangui.url)
    connection.raw.autocommit = False
    connection.execute(statement)
    try:
        yield connection
    finally:
        connection.raw.close()


WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE application_name = 'bangui' AND wait_event_type = 'Lock'"""
LOCK_ROW = "SELECT 1 FROM bangui.scheduler_lock FOR UPDATE"


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("DELETE FROM bangui.scheduler_lock", "created"),
        (FREE, "created"),
        ("UPDATE bangui.scheduler_lock SET heartbeat_timeout = 0.001", "taken_over"),
        ("UPDATE bangui.scheduler_lock SET heartbeat_timeout = -1", "taken_over"),
        (
            """UPDATE bangui.scheduler_lock SET heartbeat_at = heartbeat_at + 1000,
               heartbeat_boottime = heartbeat_boottime + 1000, heartbeat_written = heartbeat_at + 1000""",
            "taken_over",
        ),
        ("UPDATE bangui.scheduler_lock SET boot_id = 'pg:1'", "taken_over"),
    ],
    ids=["absent", "free", "expired", "malformed", "future", "another system"],
)
def test_one_of_ten_contenders_wins(on_server: OnServer, state: str, outcome: str):
    """Whatever the row says; all of them have read it before the first may write it."""
    on_server.ok("heartbeat", "--instance", "web0")
    on_server.execute(state)
    with held(on_server, "LOCK TABLE bangui.scheduler_lock IN EXCLUSIVE MODE"):
        runs = [
            on_server.start("heartbeat", "--json", "--timeout", 30, "--instance", f"web{n}")
            for n in range(1, 11)
        ]
        wait_until(lambda: on_server.rows(WAITING)[0][0] == len(runs))
    ended = [on_server.end(run) for run in runs]

    outcomes = sorted(one.json["lock"]["outcome"] for one in ended)
    assert outcomes == sorted([outcome, *["held"] * 9]), ended
    assert sorted(one.code for one in ended) == [0, *[75] * 9]
    winner = next(one.json["lock"] for one in ended if one.code == 0)
    assert on_server.rows("SELECT owner, lease_id, token FROM bangui.scheduler_lock") == [
        (winner["owner"], winner["lease_id"], winner["token"])
    ]


def test_who_waits_for_the_row_writes_the_time_of_its_turn(on_server: OnServer):
    """A clock that was read before the wait would let a live lease look old."""
    on_server.ok("heartbeat")
    with held(on_server, LOCK_ROW) as other:
        run = on_server.start("heartbeat", "--timeout", 20)
        wait_until(lambda: on_server.rows(WAITING)[0][0])
        time.sleep(1)
        other.raw.rollback()
    assert on_server.end(run).code == 0

    age_s = (
        "SELECT extract(epoch FROM clock_timestamp())::float8 - heartbeat_at FROM bangui.scheduler_lock"
    )
    assert on_server.rows(age_s)[0][0] < 0.8


def test_a_held_pass_does_not_wait_for_the_row(on_server: OnServer):
    """It writes nothing, so it need not know what another transaction is about to write."""
    on_server.ok("heartbeat", "--instance", "other")
    with held(on_server, LOCK_ROW):
        assert on_server.run("heartbeat", "--timeout", 5).code == 75


@pytest.mark.parametrize("count", [20, pytest.param(100, marks=pytest.mark.torture)])
def test_many_inits_at_once_make_one_schema(empty_on_server: OnServer, count: int):
    """And one of them alone says that it did."""
    runs = [empty_on_server.start("init", "-v") for _ in range(count)]
    ended = [empty_on_server.end(run) for run in runs]

    assert [one.code for one in ended] == [0] * count, ended
    applied = [event["migrations_applied"] for one in ended for event in one.events]
    assert sorted(map(len, applied)) == [*[0] * (count - 1), 1]


def test_no_transaction_is_open_while_the_server_waits(on_server: OnServer):
    """A client that is stopped at any moment would hold it."""
    fill(on_server, 5000)
    rows = "\n".join(json.dumps({"ip": f"192.0.2.{n}", "country_code": "DE"}) for n in range(200))
    seen: list[int] = []
    watcher, ended = connect(on_server.url), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            seen.append(watcher.rows(OPEN)[0][0])

    thread = threading.Thread(target=watch)
    thread.start()
    for command in (
        "flush --batch-size 100", "heartbeat", "status", "report", "lookup 10.0.0.1", "doctor", "lock show",
        "bans", "report --history --by ip",
    ):  # fmt: skip
        on_server.run(*command.split())
    on_server.ok("import", input=rows)
    ended.set()
    thread.join()

    assert len(seen) > 50
    assert set(seen) == {0}


@pytest.mark.parametrize("stopped", ["a lock on the row", "a lock on the table", "the postmaster"])
@pytest.mark.parametrize("command", ["flush", "heartbeat"])
def test_the_timeout_holds(on_server: OnServer, command: str, stopped: str):
    """Whatever the server is waiting for, or if it does not even let in."""
    on_server.ok("heartbeat")
    fill(on_server, 10)
    statement = LOCK_ROW if "row" in stopped else "LOCK TABLE bangui.scheduler_lock"
    with held(on_server, statement):
        if stopped == "the postmaster":
            os.kill(on_server.server.pid, signal.SIGSTOP)
        try:
            began_s = time.monotonic()
            ended = on_server.run(command, "--timeout", "1.5", "--json")
            took_s = time.monotonic() - began_s
        finally:
            os.kill(on_server.server.pid, signal.SIGCONT)

    assert ended.code == 124, ended
    assert ended.json["outcome"] == "timeout"
    assert final_event(ended)["timeout_seconds"] == 1.5
    assert 1.3 < took_s < 1.5 + 0.3 + 0.3  # the start of the process, too
    wait_until(lambda: on_server.rows(RUNNING)[0][0] == 0, 2)


def test_nothing_of_a_run_that_was_killed_commits_later(on_server: OnServer):
    """Its statement ends on the server by what was left of its timeout."""
    fill(on_server, 10)
    with held(on_server, "SELECT 1 FROM bangui.geo_cache_dirty FOR UPDATE"):
        run = on_server.start("flush", "--timeout", "2")
        wait_until(lambda: on_server.rows(WAITING)[0][0])
        run.kill()
        run.communicate()
        wait_until(lambda: on_server.rows(RUNNING)[0][0] == 0, 3)

    assert on_server.rows("SELECT count(*) FROM bangui.geo_cache") == [(0,)]


@pytest.mark.parametrize(
    ("command", "holding"),
    [
        ("flush", "SELECT 1 FROM bangui.geo_cache_dirty FOR UPDATE"),
        ("heartbeat", "LOCK TABLE bangui.scheduler_lock"),
        ("add 10.0.0.1", "LOCK TABLE bangui.geo_cache_dirty"),
        ("status", "LOCK TABLE bangui.geo_cache"),
        ("init", "LOCK TABLE bangui.schema_migrations"),
    ],
)
def test_a_signal_ends_a_wait_on_the_server(on_server: OnServer, command: str, holding: str):
    """Within a second, and the server is told to stop, too."""
    fill(on_server, 10)
    with held(on_server, holding):
        run = on_server.start(*command.split())
        wait_until(lambda: on_server.rows(WAITING)[0][0])
        run.terminate()
        began_s = time.monotonic()
        ended = on_server.end(run)
        assert time.monotonic() - began_s < 1.3
        wait_until(lambda: on_server.rows(RUNNING)[0][0] == 0, 1)

    assert ended.code == 143
    final_event(ended)


def test_after_a_signal_the_counts_are_those_of_the_database(on_server: OnServer):
    """What was committed while the signal came is counted; what is not known is not told."""
    for delay_s in (0.0, 0.005, 0.01, 0.02, 0.04, 0.08):
        on_server.execute("TRUNCATE bangui.geo_cache_dirty, bangui.geo_cache")
        fill(on_server, 20_000)
        run = on_server.start("flush", "--json", "--batch-size", 500)
        wait_until(lambda: on_server.rows("SELECT count(*) FROM bangui.geo_cache")[0][0])
        time.sleep(delay_s)
        run.terminate()
        ended = on_server.end(run)

        moved = on_server.rows("SELECT count(*) FROM bangui.geo_cache")[0][0]
        assert ended.json["flushed"] in (moved, None), ended
        left = on_server.rows("SELECT count(*) FROM bangui.geo_cache_dirty")[0][0]
        assert moved + left == 20_000


def test_a_run_that_is_stopped_in_a_flush_holds_nothing_and_writes_nothing_later(on_server: OnServer):
    """Another instance takes over as soon as the lock has expired."""
    env = {"BANGUI_LOCK_TTL": "2", "BANGUI_HEARTBEAT_INTERVAL": "0.5"}
    fill(on_server, 30_000)
    run = on_server.start("flush", "--json", "--batch-size", 100, env=env)
    wait_until(lambda: on_server.rows("SELECT count(*) FROM bangui.geo_cache")[0][0] > 300)
    run.send_signal(signal.SIGSTOP)
    began_s = time.monotonic()
    wait_until(lambda: on_server.run("heartbeat", "--instance", "web2", env=env).code == 0, 10)
    took_s = time.monotonic() - began_s
    moved = on_server.rows("SELECT count(*) FROM bangui.geo_cache")
    run.send_signal(signal.SIGCONT)
    ended = on_server.end(run)

    assert took_s < 2 + 0.5 + 3
    assert (ended.code, ended.json["outcome"]) == (75, "lost")
    assert on_server.rows("SELECT count(*) FROM bangui.geo_cache") == moved


def test_stagers_in_opposite_orders_and_a_flusher_never_stand_in_each_others_way(on_server: OnServer):
    """Every row that was acknowledged is in one place, and no deadlock reaches a user."""
    ips = [f"10.{a}.{b}.1" for a in range(10) for b in range(40)]
    documents = [
        "\n".join(json.dumps({"ip": ip, "country_code": "DE"}) for ip in order)
        for order in (ips, ips[::-1], ips[::3] + ips[1::3] + ips[2::3], ips[::-1])
    ]
    for _ in range(3):
        stagers = [on_server.start("import", "--json", stdin=-1) for _ in documents]
        flushers = [
            on_server.start("flush", "--json", "--batch-size", 50, "--wait", "20") for _ in range(2)
        ]
        ended = [on_server.end(one, text) for one, text in zip(stagers, documents, strict=True)]
        ended += [on_server.end(one) for one in flushers]
        assert [one.code for one in ended] == [0] * 6, ended
    on_server.ok("flush")

    assert on_server.rows("SELECT count(*) FROM bangui.geo_cache") == [(len(ips),)]
    assert on_server.rows("SELECT count(*) FROM bangui.geo_cache_dirty") == [(0,)]


MOVING = """
UPDATE bangui.scheduler_lock SET heartbeat_at = heartbeat_at;
DELETE FROM bangui.geo_cache_dirty WHERE ip = '192.0.2.1';
INSERT INTO bangui.geo_cache (ip, country_code, cached_at) VALUES ('192.0.2.1', 'DE', '2026-01-01T00:00:00.000Z')"""


def test_what_a_flush_is_moving_is_forgotten_too(on_server: OnServer):
    """It is in neither table for who has looked before the batch was committed."""
    on_server.ok("add", "192.0.2.1", "--country-code", "DE")
    with held(on_server, MOVING) as flush:
        run = on_server.start("forget", "192.0.2.1")
        wait_until(lambda: on_server.rows(WAITING)[0][0])
        flush.raw.commit()
    assert on_server.end(run).code == 0

    assert on_server.rows("SELECT ip FROM bangui.geo_cache") == []
    assert on_server.rows("SELECT ip FROM bangui.geo_cache_dirty") == []


def test_what_was_acknowledged_survives_a_crash_whatever_the_role_says(on_server: OnServer):
    """Exit 0 of a stager means that the row is there, also where commits are not waited for."""
    on_server.execute(f"ALTER DATABASE {on_server.name} SET synchronous_commit = off")
    on_server.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
    on_server.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)  # what a delay of before still writes
    on_server.ok("add", "192.0.2.1")
    on_server.server.stop("immediate")
    on_server.server.start()
    on_server.server.execute("ALTER SYSTEM RESET wal_writer_delay")

    assert connect(on_server.url).rows("SELECT ip FROM bangui.geo_cache_dirty") == [("192.0.2.1",)]


def test_a_lost_connection_is_told_as_one(on_server: OnServer):
    """The next run goes on."""
    fill(on_server, 10)
    with held(on_server, "SELECT 1 FROM bangui.geo_cache_dirty FOR UPDATE"):
        run = on_server.start("flush", "--json")
        wait_until(lambda: on_server.rows(WAITING)[0][0])
        on_server.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'bangui' AND state = 'active'"
        )
        ended = on_server.end(run)

    assert ended.code == 69, ended
    assert ended.json["flushed"] is None
    final_event(ended)
    assert on_server.ok("flush", "--json").json["flushed"] == 10


def test_what_a_resolve_has_staged_is_unknown_where_the_answer_is_lost(on_server: OnServer):
    """A commit may have been done without a word of it."""
    germany = geoip.country("DE", "Germany")
    mmdb = geoip.write_mmdb(on_server.home / "country.mmdb", {"192.0.2.0/24": germany})
    with held(on_server, "LOCK TABLE bangui.geo_cache_dirty IN EXCLUSIVE MODE"):
        run = on_server.start("resolve", "192.0.2.1", "--geoip-db", str(mmdb), "--json")
        wait_until(lambda: on_server.rows(WAITING)[0][0])
        on_server.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'bangui' AND state = 'active'"
        )
        ended = on_server.end(run)

    assert ended.code == 69, ended
    found = ended.json
    assert (found["read"], found["staged"], found["resolved"], found["unresolved"]) == (
        1,
        None,
        None,
        None,
    )


def test_what_a_file_holds_moves_to_a_server(on_server: OnServer):
    """The way there and back, cache and history."""
    file = on_server.home / "file.db"
    on_server.ok("init", "-d", file)
    rows = "\n".join(
        json.dumps({"ip": f"192.0.2.{n}", "country_code": "DE", "asn": n + 1}) for n in range(99)
    )
    on_server.ok("import", "-d", file, input=rows)
    on_server.ok("flush", "-d", file)
    on_server.ok("add", "192.0.2.200", "-d", file)
    ban = {"instance": "web1", "jail": "sshd", "ip": "192.0.2.1", "banned_at": "2026-01-01T00:00:00.000Z",
           "bantime_s": 600, "bancount": 1, "failures": 5}  # fmt: skip
    on_server.ok("import", "--history", "-d", file, input=json.dumps(ban))

    cache, history = (on_server.ok("export", what, "-d", file).stdout for what in ("cache", "history"))
    on_server.ok("import", input=cache)
    on_server.ok("import", "--history", input=history)
    on_server.ok("flush")

    assert on_server.ok("export").stdout == cache
    assert on_server.ok("export", "history").stdout == history


def test_status_lists_the_fleet(on_server: OnServer):
    """Who is active, and when each has collected its host's bans."""
    on_server.ok("heartbeat")
    on_server.execute(
        """INSERT INTO bangui.job_state (job_id, instance, last_success_at)
           VALUES ('history_sync', 'web2', '2026-01-01T00:00:00.000Z'), ('history_sync', 'web3', NULL)"""
    )
    instances = on_server.ok("status", "--json").json["instances"]

    assert instances == {
        "web1": {"last_collect_at": None, "active": True},
        "web2": {"last_collect_at": "2026-01-01T00:00:00.000Z", "active": False},
        "web3": {"last_collect_at": None, "active": False},
    }
    assert "web2 (2026" in on_server.ok("status").stdout


@pytest.mark.parametrize("command", ["flush", "heartbeat"])
@pytest.mark.parametrize("when", ["before the first word", "in the middle"])
def test_the_timeout_holds_on_a_network_that_goes_silent(on_server: OnServer, command: str, when: str):
    """Nobody answers, and nobody says that there will be no answer."""
    on_server.execute("ALTER ROLE postgres PASSWORD 'relayed'")
    on_server.ok("heartbeat")
    fill(on_server, 10)
    with open_relay(on_server.server) as relay, held(on_server, LOCK_ROW):
        url = f"postgresql://postgres:relayed@{relay.address}/{on_server.name}"
        if when == "before the first word":
            relay.silence()
        began_s = time.monotonic()
        run = on_server.start(command, "--timeout", "1.5", "--json", env={"BANGUI_DATABASE_PATH": url})
        if when == "in the middle":
            wait_until(lambda: on_server.rows(WAITING)[0][0])
            relay.silence()
        ended = on_server.end(run)
        took_s = time.monotonic() - began_s
        # What it left there ends by itself.
        wait_until(lambda: on_server.rows(RUNNING)[0][0] == 0, 2)

    assert ended.code == 124, ended
    assert ended.json["flushed"] in (0, None)
    assert took_s < 1.5 + 0.3 + 0.3
    final_event(ended)


def test_a_command_without_a_timeout_hears_a_signal_on_a_silent_network(on_server: OnServer):
    """Within a second."""
    with open_relay(on_server.server) as relay:
        relay.silence()
        url = f"postgresql://postgres:x@{relay.address}/{on_server.name}"
        run = on_server.start("status", env={"BANGUI_DATABASE_PATH": url})
        wait_until(lambda: relay.connections)
        run.terminate()
        began_s = time.monotonic()
        ended = on_server.end(run)

    assert ended.code == 143
    assert time.monotonic() - began_s < 1.3
    final_event(ended)


def test_the_next_host_has_its_turn_while_there_is_time(on_server: OnServer):
    """Where the first one answers nobody, or is down."""
    place, port = on_server.server.place, on_server.server.port
    url = f"postgresql://postgres@/{on_server.name}?host=/nonexistent,{place}&port=1,{port}"

    assert on_server.ok("heartbeat", env={"BANGUI_DATABASE_PATH": url}).code == 0


def test_instances_of_clones_are_told_apart(on_server: OnServer):
    """Their host name is the same; the machine's ID is not."""
    machine_id = Path("/etc/machine-id")
    digits = machine_id.read_text()[:8] if machine_id.exists() else ""
    shown = on_server.ok("config", "show", "--json", env={"BANGUI_INSTANCE": ""}).json["instance"]
    name = os.uname().nodename

    assert shown["source"] == "default"
    assert shown["value"] == (f"{name}-{digits}" if digits else name)


def test_doctor_warns_where_two_machines_use_one_name(on_server: OnServer):
    """Both would hold the lock at once, each as its own."""
    on_server.ok("heartbeat")
    calm = on_server.ok("doctor", "--json").json["checks"]
    on_server.execute(
        "INSERT INTO bangui.instance_machines VALUES ('web1', '00000000', '2999-01-01T00:00:00.000Z'),"
        " ('web1', 'ffffffff', '2999-01-01T00:00:00.000Z')"
    )
    warned = on_server.ok("doctor", "--json").json["checks"]

    assert "instance_twice" not in {check["name"] for check in calm}
    (check,) = [check for check in warned if check["name"] == "instance_twice"]
    assert check["verdict"] == "warning"
    assert "00000000" in check["detail"]


def test_a_step_of_the_servers_clock_stops_no_run(on_server: OnServer):
    """A message that seems to come late by the clock that was set is sent once more."""
    with PostgresqlStore(on_server.url, Deadline(clocks.monotonic_s() + 20, TimeoutError())) as opened:
        now = opened.now()
        opened._clock = (now._replace(wall_s=now.wall_s - 1000), clocks.monotonic_s())
        opened.stage([pack(Entry("192.0.2.1", "DE", None, None, None, "2026-01-01T00:00:00.000Z"))])

        assert abs(opened.now().wall_s - now.wall_s) < 20
    assert on_server.rows("SELECT ip FROM bangui.geo_cache_dirty") == [("192.0.2.1",)]
