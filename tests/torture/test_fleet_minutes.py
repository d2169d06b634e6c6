"""Ten minutes of a fleet of a hundred: hosts die and freeze, the server's clock steps, a standby takes over.

What is scaled: a minute is 24 s here, and with it every interval; the lock's TTL is three of them, the
least that the settings allow. Two cores could not start the processes of a hundred hosts any faster.
"""

import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import fleets
import pytest
from conftest import Ended, wait_until
from fleets import SteppedClock, as_lines, make_entry
from invariants import Ledger, check_run
from servers import Connection, OnServer, Server, connect, open_server, open_standby

from bangui_cli.rules.entry import Entry

HELD, UNAVAILABLE = 75, 69
RUNS_AT_ONCE = 16
POOL = [f"10.0.{n >> 8}.{n & 255}" for n in range(3000)]
ROWS_OF_AN_IMPORT = 20
STAGES, DIES = 0.2, 0.04
HOLDER = "SELECT owner FROM bangui.scheduler_lock"
IS_SYNCHRONOUS = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"


class Scale(NamedTuple):
    """How large a fleet is, for how long, and how long its minute is."""

    instances: int
    minutes: int
    minute_s: float

    @property
    def ttl_s(self) -> float:
        return 3 * self.minute_s


class Fleet:
    """Hosts that each run their jobs once a minute, and what came of the runs."""

    def __init__(self, bangui: OnServer, scale: Scale, addresses: str) -> None:
        self.bangui, self.scale = bangui, scale
        self.watching: Connection = connect(bangui.url)
        self.chance = random.Random(1)
        self.ledger, self.in_flight = Ledger(), list[Entry]()
        self.claims: set[tuple[str, str, int]] = set()
        self.codes: Counter[tuple[str, int]] = Counter()
        self.outages: list[tuple[float, float]] = []
        self.away: set[str] = set()
        self.frozen: set[str] = set()
        self._serials = itertools.count()
        self._own = Lock()
        self._environment = {
            "BANGUI_DATABASE_PATH": addresses,
            "BANGUI_LOCK_TTL": str(scale.ttl_s),
            "BANGUI_HEARTBEAT_INTERVAL": str(scale.minute_s),
            "BANGUI_FLUSH_INTERVAL": str(scale.minute_s),
        }

    def live(self, events: dict[int, Callable[[], None]]) -> None:
        """Let the minutes pass; what happens in one, happens at its beginning."""
        with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
            runs: list[Future[None]] = []
            for minute in range(self.scale.minutes):
                began_s = time.monotonic()
                events.get(minute, lambda: None)()
                for share, job, instance in self._schedule():
                    time.sleep(max(began_s + share * self.scale.minute_s - time.monotonic(), 0))
                    if instance not in self.away:
                        runs.append(pool.submit(job, instance))
            for run in runs:
                run.result()

    def _schedule(self) -> list[tuple[float, Callable[[str], None], str]]:
        """Return the runs of one minute in their order: each instance has its turns."""
        due = []
        for number in range(self.scale.instances):
            turn, instance = number / self.scale.instances, f"web{number}"
            due += [(turn, self.beat, instance), ((turn + 0.5) % 1, self.flush, instance)]
            if instance not in self.frozen and self.chance.random() < STAGES:
                due.append(((turn + 0.3) % 1, self.stage, instance))
        return sorted(due, key=lambda run: run[0])

    def beat(self, instance: str) -> None:
        self._job("heartbeat", instance)

    def flush(self, instance: str) -> None:
        self._job("flush", instance, "--batch-size", 10)

    def stage(self, instance: str) -> None:
        ips = self.chance.sample(POOL, ROWS_OF_AN_IMPORT)
        entries = [make_entry(ip, next(self._serials)) for ip in ips]
        ended = self._run("import", instance, "-", input=as_lines(entries))
        with self._own:
            if ended and ended.code == 0:
                self.ledger.acknowledge(entries)
            else:
                self.in_flight += entries

    def _job(self, name: str, instance: str, *options: object) -> None:
        ended = self._run(name, instance, "--json", "--timeout", "10m", *options)
        if ended and ended.code == 0:
            lock = ended.json["lock"]
            with self._own:
                self.claims.add((lock["owner"], lock["lease_id"], lock["token"]))

    def _run(self, name: str, instance: str, *options: object, input: str | None = None) -> Ended | None:
        """Run a command, which may die or freeze on its way; return None for one that was killed."""
        began_s = time.monotonic()
        process = self.bangui.start(
            name, *options, "--instance", instance, env=self._environment, stdin=-1
        )
        if instance in self.frozen:
            time.sleep(self.chance.uniform(0.1, 0.4))
            process.send_signal(signal.SIGSTOP)
            wait_until(lambda: instance not in self.frozen, 600)
            process.send_signal(signal.SIGCONT)
        elif self.chance.random() < DIES:
            time.sleep(self.chance.uniform(0.0, 0.5))
            process.kill()
        stdout, stderr = process.communicate(input, timeout=600)
        with self._own:
            self.codes[name, process.returncode] += 1
        if process.returncode == -signal.SIGKILL:
            return None
        ended = Ended(process.returncode, stdout, stderr)
        check_run(ended.code, ended.stderr)
        allowed = {0, HELD, UNAVAILABLE} if self._met_outage(began_s, time.monotonic()) else {0, HELD}
        assert ended.code in allowed, ended
        return ended

    def _met_outage(self, began_s: float, ended_s: float) -> bool:
        return any(began_s < until_s and ended_s > from_s for from_s, until_s in self.outages)

    def holder(self) -> str | None:
        owner: str | None = self.watching.rows(HOLDER)[0][0]
        return owner


@contextmanager
def failing_over(server: Server) -> Iterator[tuple[Server, Callable[[], None]]]:
    """Run a standby without which nothing is committed, and a way to make it the only one."""
    with open_standby(server) as standby:
        server.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        server.execute("SELECT pg_reload_conf()")
        wait_until(lambda: connect(server.url()).rows(IS_SYNCHRONOUS))

        def fail_over() -> None:
            server.stop()
            standby.promote()

        yield standby, fail_over


def check_fleet(fleet: Fleet, connection: Connection) -> list[fleets.Change]:
    """Check that there was one holder at each instant, that no other wrote, and that nothing is lost."""
    leases = fleets.check_lock(connection)
    changes = fleets.read_changes(connection)
    held = {tuple(change.after[key] for key in ("owner", "lease_id", "token")) for change in changes}
    assert fleet.claims <= held, "a run held a lock that nobody gave it"
    fleets.check_known(connection, fleet.ledger, fleet.in_flight)
    print(f"{sorted(fleet.codes.items())}, {len(leases)} leases, {len(fleet.ledger.newest)} addresses")
    return leases


@pytest.fixture
def clock(place: Path) -> SteppedClock:
    if fleets.find_library() is None:
        pytest.skip("libfaketime is not installed")
    return SteppedClock(place / "clock")


def initialised(home: Path, server: Server) -> OnServer:
    bangui = OnServer(home, server)
    bangui.ok("init")
    # Whoever is frozen while it connects is let in after that.
    server.execute("ALTER SYSTEM SET authentication_timeout = '10min'")
    server.execute("SELECT pg_reload_conf()")
    fleets.record(bangui.connect())
    return bangui


def test_a_small_fleet_has_one_holder_whatever_its_hosts_and_its_clock_do(
    tmp_path: Path, clock: SteppedClock
):
    """Six minutes of 1.5 s: a holder freezes and thaws, the clock of the server steps there and back."""
    scale = Scale(instances=4, minutes=6, minute_s=1.5)
    with open_server(environment=clock.environment) as server:
        bangui = initialised(tmp_path, server)
        fleet = Fleet(bangui, scale, bangui.url)

        def freeze() -> None:
            fleet.frozen.add(str(fleet.holder()))

        events: dict[int, Callable[[], None]] = {
            1: freeze,
            2: lambda: clock.set(1000),
            4: lambda: (fleet.frozen.clear(), clock.set(0))[0],
        }
        fleet.live(events)
        leases = check_fleet(fleet, bangui.connect())

    assert len(leases) >= 3


@pytest.mark.torture
def test_a_hundred_instances_have_one_holder_for_ten_minutes_and_lose_nothing(
    tmp_path: Path, clock: SteppedClock
):
    """No error but 75 reaches anybody, and 69 only whose run met the fail-over.

    The holder's host dies, another freezes and thaws after its lock was taken over; every 25th run is
    killed; the clock of the server steps ahead and back; the server dies, and its standby goes on.
    """
    scale = Scale(instances=100, minutes=10, minute_s=24.0)
    with open_server(environment=clock.environment) as server:
        bangui = initialised(tmp_path, server)
        with failing_over(server) as (standby, fail_over):
            addresses = (
                f"postgresql://postgres@/{bangui.name}?host={server.place},{standby.place}"
                f"&port={server.port},{standby.port}&target_session_attrs=read-write"
            )
            fleet = Fleet(bangui, scale, addresses)
            dead: list[str] = []

            def die() -> None:
                dead.append(str(fleet.holder()))
                fleet.away.add(dead[0])

            def change_servers() -> None:
                from_s = time.monotonic()
                fleet.outages.append((from_s, from_s + 600))
                fail_over()
                fleet.outages[-1] = (from_s, time.monotonic() + 1)
                fleet.watching = connect(standby.url(bangui.name))

            def freeze() -> None:
                fleet.frozen.add(str(fleet.holder()))

            events: dict[int, Callable[[], None]] = {
                1: die,
                4: change_servers,
                5: freeze,
                6: lambda: clock.set(1000),
                7: lambda: clock.set(0),
                8: lambda: clock.set(-3600),
                9: lambda: (fleet.frozen.clear(), clock.set(0))[0],
            }
            fleet.live(events)
            leases = check_fleet(fleet, connect(standby.url(bangui.name)))

    assert len(leases) >= 5
    heir = next(lease for lease in leases if lease.before["owner"] == dead[0])
    assert age_s(heir) < scale.ttl_s + scale.minute_s + 3


def age_s(change: fleets.Change) -> Any:
    """Return how old the lock was when it was taken over."""
    return change.after["heartbeat_at"] - change.before["heartbeat_at"]


def test_the_witness_notices_a_stolen_lock_and_a_stale_write(on_server: OnServer):
    """Else the fleet's peace would prove nothing."""
    fleets.record(on_server.connect())
    on_server.ok("heartbeat")
    on_server.ok("add", "192.0.2.1")
    on_server.ok("flush")
    assert len(fleets.check_lock(on_server.connect())) == 1

    stale = connect(on_server.url + "&application_name=bangui")
    stale.execute("UPDATE bangui.geo_cache SET country_code = 'FR'")
    with pytest.raises(AssertionError, match="without the lease"):
        fleets.check_lock(on_server.connect())
    on_server.execute("DELETE FROM public.cache_changes")
    on_server.execute("UPDATE bangui.scheduler_lock SET lease_id = 'stolen', token = token + 1")
    with pytest.raises(AssertionError, match="a live lease was taken"):
        fleets.check_lock(on_server.connect())
