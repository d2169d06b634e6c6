"""What a run has acknowledged survives its server: a power cut at once after it, or another taking over."""

import itertools
import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from conftest import wait_until
from fail2bans import Fail2banDatabase
from failures import final_event
from invariants import LeaseWatch, check_run
from relays import Relay, open_relay
from servers import OnServer, Server, connect, open_server, open_standby

from bangui_cli import store

# What is not waited for stays in the server's memory for as long as a test takes.
LAZY = "wal_writer_delay = 10s\nsynchronous_commit = off\n"
DIRTY, CACHED = "SELECT ip FROM bangui.geo_cache_dirty", "SELECT ip FROM bangui.geo_cache"


def _make(place: Path, server: Server) -> OnServer:
    bangui = OnServer(place, server)
    store.initialise(bangui.url, journal_mode=None, force=False)
    return bangui


@pytest.fixture(scope="module")
def lazy_server() -> Iterator[Server]:
    """Run a server that would say of a commit that it is done before it is."""
    with open_server() as running:
        running.configure(LAZY)
        running.stop("fast")
        running.start()
        yield running


@pytest.fixture
def bangui(tmp_path: Path, lazy_server: Server) -> OnServer:
    made = _make(tmp_path, lazy_server)
    made.environment["BANGUI_FAIL2BAN_DB"] = str(tmp_path / "fail2ban.sqlite3")
    Fail2banDatabase(tmp_path / "fail2ban.sqlite3")
    lazy_server.execute("CHECKPOINT")
    return made


def _cut_power(bangui: OnServer) -> None:
    bangui.server.stop("immediate")
    bangui.forget_connection()
    bangui.server.start()


def _ips(bangui: OnServer, query: str) -> set[str]:
    return {ip for (ip,) in bangui.rows(query)}


def _lines(ips: list[str]) -> str:
    return "".join(json.dumps({"ip": ip, "country_code": "DE"}) + "\n" for ip in ips)


def _add(bangui: OnServer, ips: list[str]) -> None:
    bangui.ok("add", ips[0], "--country-code", "DE")
    _cut_power(bangui)

    assert ips[0] in _ips(bangui, DIRTY)


def _import(bangui: OnServer, ips: list[str]) -> None:
    bangui.ok("import", input=_lines(ips))
    _cut_power(bangui)

    assert set(ips) <= _ips(bangui, DIRTY)


def _flush(bangui: OnServer, ips: list[str]) -> None:
    bangui.ok("import", input=_lines(ips))
    moved = bangui.ok("flush", "--json", "--batch-size", 50).json["flushed"]
    _cut_power(bangui)

    assert moved == len(ips)
    assert set(ips) <= _ips(bangui, CACHED)
    assert _ips(bangui, DIRTY) == set()
    state = "SELECT last_outcome, last_count FROM bangui.job_state WHERE job_id = 'geo_cache_flush'"
    assert bangui.rows(state) == [("ok", len(ips))]


def _collect(bangui: OnServer, ips: list[str]) -> None:
    fail2ban, now_s = Fail2banDatabase(bangui.home / "fail2ban.sqlite3"), int(time.time())
    for ip in ips[:20]:
        fail2ban.ban(ip, now_s)
    bangui.ok("collect", "--json")
    _cut_power(bangui)

    assert set(ips[:20]) <= _ips(bangui, "SELECT ip FROM bangui.ban_history")
    assert bangui.ok("collect", "--json").json["recorded"] == 0


def _heartbeat(bangui: OnServer, ips: list[str]) -> None:
    bangui.ok("lock", "release", "--force")
    lock = bangui.ok("heartbeat", "--json").json["lock"]
    _cut_power(bangui)

    assert bangui.ok("lock", "show", "--json").json["lease_id"] == lock["lease_id"]


ACTS: dict[str, Callable[[OnServer, list[str]], None]] = {
    "add": _add, "import": _import, "flush": _flush, "collect": _collect, "heartbeat": _heartbeat,
}  # fmt: skip


@pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=pytest.mark.torture)])
@pytest.mark.parametrize("act", ACTS)
def test_what_was_acknowledged_is_there_after_a_power_cut(bangui: OnServer, act: str, rounds: int):
    """The server is dead before anything else comes to it; its settings would have it lose the row."""
    for number in range(rounds):
        ACTS[act](bangui, [f"10.{number}.{n >> 8}.{n & 255}" for n in range(600)])


def _in_one_place(bangui: OnServer, ips: set[str]) -> set[str]:
    """Require each row in one place; return the cached ones."""
    cached, dirty = _ips(bangui, CACHED), _ips(bangui, DIRTY)
    assert not cached & dirty
    assert cached | dirty == ips
    return cached


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.torture)])
def test_a_power_cut_at_any_moment_of_a_flush_loses_no_row(bangui: OnServer, rounds: int):
    """A batch that was lost left its rows dirty; the next flush moves them."""
    chance, cut_short = random.Random(rounds), 0
    ips = [f"10.0.{n >> 8}.{n & 255}" for n in range(15_000)]
    for _ in range(rounds):
        bangui.execute("SET synchronous_commit = on; TRUNCATE bangui.geo_cache, bangui.geo_cache_dirty")
        bangui.ok("import", input=_lines(ips))
        run = bangui.start("flush", "--json", "--batch-size", 50)
        wait_until(lambda: bangui.rows(f"{CACHED} LIMIT 1"))
        time.sleep(chance.uniform(0.0, 0.2))
        _cut_power(bangui)
        ended = bangui.end(run)

        check_run(ended.code, ended.stderr)
        assert ended.code in (0, 69), ended
        cut_short += ended.code == 69
        _in_one_place(bangui, set(ips))
        bangui.ok("flush")
        assert len(_in_one_place(bangui, set(ips))) == len(ips)
    assert cut_short


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.torture)])
def test_a_power_cut_at_any_moment_of_an_import_leaves_what_it_tells(bangui: OnServer, rounds: int):
    """A row that is counted is there; where nobody knows how many are, none is counted."""
    chance, cut_short = random.Random(rounds), 0
    ips = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(120_000)]
    (bangui.home / "rows").write_text(_lines(ips))
    for _ in range(rounds):
        bangui.execute("SET synchronous_commit = on; TRUNCATE bangui.geo_cache_dirty")
        run = bangui.start("import", "--json", bangui.home / "rows")
        wait_until(lambda: bangui.rows(f"{DIRTY} LIMIT 1"))
        time.sleep(chance.uniform(0.0, 0.5))
        _cut_power(bangui)
        ended = bangui.end(run)

        assert ended.code in (0, 69), ended
        cut_short += ended.code == 69
        there, told = len(_ips(bangui, DIRTY)), ended.json["staged"]
        assert told is None or told <= there
        assert ended.code or there == len(ips)
    assert cut_short


class Pair:
    """A primary and its standby, and a fleet that knows both."""

    def __init__(self, fleet: OnServer, standby: Server) -> None:
        self.fleet, self.standby = fleet, standby
        self.primary = primary = fleet.server
        fleet.environment["BANGUI_DATABASE_PATH"] = (
            f"postgresql://postgres@/{fleet.name}?host={primary.place},{standby.place}"
            f"&port={primary.port},{standby.port}&target_session_attrs=read-write"
        )

    def on_standby(self, query: str) -> list[tuple[object, ...]]:
        return connect(self.standby.url(self.fleet.name)).rows(query)

    def wait_for_replay(self) -> None:
        """Wait until the standby has all that the primary has."""
        (position,) = connect(self.primary.url()).rows("SELECT pg_current_wal_lsn()::text")[0]
        wait_until(lambda: self.on_standby(f"SELECT pg_last_wal_replay_lsn() >= '{position}'")[0][0])

    def fail_over(self) -> None:
        self.primary.stop("immediate")
        self.standby.promote()


@contextmanager
def _open_pair(home: Path, *, through_relay: bool = False) -> Iterator[tuple[Pair, Relay | None]]:
    with ExitStack() as stack:
        primary = stack.enter_context(open_server())
        fleet = _make(home, primary)
        standby = stack.enter_context(open_standby(primary))
        relay = stack.enter_context(open_relay(primary)) if through_relay else None
        if relay:
            port = relay.address.partition(":")[2]
            standby.execute(
                f"ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={port} user=postgres'"
            )
            standby.execute("SELECT pg_reload_conf()")
            query = (
                f"SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming' AND sender_port = {port}"
            )
            wait_until(lambda: connect(standby.url()).rows(query))
        yield Pair(fleet, standby), relay


SHORT_TTL = {"BANGUI_LOCK_TTL": "2", "BANGUI_HEARTBEAT_INTERVAL": "0.5"}


class Load:
    """Instances that beat, flush and add, each run checked, through a failover."""

    def __init__(self, fleet: OnServer) -> None:
        self._fleet = fleet
        self._ended, self._one = threading.Event(), threading.Lock()
        self.acknowledged: set[str] = set()
        self.failures: list[BaseException] = []
        self.watch = LeaseWatch()

    @contextmanager
    def running(self, instances: int) -> Iterator[None]:
        threads = [threading.Thread(target=self._keep, args=(number,)) for number in range(instances)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _keep(self, number: int) -> None:
        try:
            for round_number in itertools.count():
                if self._ended.is_set():
                    return
                self._pass(f"web{number}", f"10.{number}.{round_number >> 8}.{round_number & 255}")
        except BaseException as failure:
            self.failures.append(failure)

    def _pass(self, instance: str, ip: str) -> None:
        for job in ("heartbeat", "flush"):
            ended = self._run(job, "--json", "--instance", instance)
            if ended.code == 0:
                with self._one:
                    self.watch.saw(ended.json["lock"])
        if self._run("add", ip, "--country-code", "DE").code == 0:
            self.acknowledged.add(ip)

    def _run(self, *arguments: str):
        ended = self._fleet.run(*arguments, env=SHORT_TTL)
        check_run(ended.code, ended.stderr)
        assert ended.code in (0, 69, 75, 124), ended
        return ended


@pytest.mark.torture
@pytest.mark.parametrize("round_number", range(3))
def test_a_failover_under_load_loses_nothing_that_was_replicated(tmp_path: Path, round_number: int):
    """With a synchronous standby that is all that was acknowledged; nobody learns of the new server."""
    with _open_pair(tmp_path) as (pair, _):
        pair.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        pair.primary.execute("SELECT pg_reload_conf()")
        load, chance = Load(pair.fleet), random.Random(round_number)
        with load.running(4):
            wait_until(lambda: len(load.acknowledged) > 20 or load.failures, 60)
            time.sleep(chance.uniform(0.0, 1.0))
            before = len(load.acknowledged)
            began_s = time.monotonic()
            pair.fail_over()
            wait_until(lambda: len(load.acknowledged) > before + 20 or load.failures, 60)
            took_s = time.monotonic() - began_s
        assert load.failures == []
        there = {ip for query in (DIRTY, CACHED) for (ip,) in pair.on_standby(query)}
        verdicts = [
            pair.fleet.ok("lock", "show", "--json", "--instance", f"web{n}").json["verdict"]
            for n in range(4)
        ]
    print(f"{len(load.acknowledged)} rows, {load.watch.leases} leases, 20 more after {took_s:.1f} s")

    assert load.acknowledged <= there
    assert verdicts.count("mine") <= 1
    assert set(verdicts) <= {"mine", "held", "expired"}


def test_what_an_asynchronous_standby_lacks_is_lost_but_no_lease_comes_twice(tmp_path: Path):
    """The token of a lease that was lost is given again; what goes on under that lease writes nothing."""
    with _open_pair(tmp_path, through_relay=True) as (pair, relay):
        assert relay
        fleet = pair.fleet
        fleet.ok("heartbeat", "--instance", "web1")
        fleet.ok("add", "192.0.2.1")
        pair.wait_for_replay()
        relay.silence()
        fleet.ok("lock", "release", "--force")
        fleet.ok("import", input=_lines([f"10.0.{n >> 8}.{n & 255}" for n in range(15_000)]))
        flush = fleet.start("flush", "--json", "--batch-size", 50, "--instance", "web2")
        wait_until(lambda: fleet.rows(f"{CACHED} LIMIT 1"))
        flush.send_signal(signal.SIGSTOP)
        lost = fleet.ok("lock", "show", "--json", "--instance", "web2").json
        pair.fail_over()

        assert fleet.run("heartbeat", "--instance", "web2").code == 75
        fleet.ok("heartbeat", "--instance", "web1")
        fleet.ok("lock", "release", "--instance", "web1")
        again = fleet.ok("heartbeat", "--json", "--instance", "web3").json["lock"]
        contents = pair.on_standby("SELECT * FROM bangui.scheduler_lock")
        flush.send_signal(signal.SIGCONT)
        ended = fleet.end(flush)

        assert (ended.code, ended.json["flushed"]) in ((69, None), (75, None)), ended
        final_event(ended)
        assert pair.on_standby("SELECT * FROM bangui.scheduler_lock") == contents
        assert pair.on_standby(DIRTY) == [("192.0.2.1",)]
        assert pair.on_standby(CACHED) == []
    assert lost["verdict"] == "mine"
    assert again["token"] == lost["token"]
    assert again["lease_id"] != lost["lease_id"]
