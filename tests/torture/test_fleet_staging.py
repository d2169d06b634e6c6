"""Twenty stagers in opposite orders beside flushes: none stands in another's way, nothing is lost."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import fleets
import geoip
import pytest
from fail2bans import Fail2banDatabase
from fleets import as_lines, make_entry
from invariants import Ledger, check_run
from servers import OnServer, connect

STAGERS = 20
ROWS_OF_A_STAGER = 400
# Everybody stages all of them; each kind has one more writer of its own.
SHARED = [f"10.0.{n >> 8}.{n & 255}" for n in range(600)]
COLLECTED = [f"10.1.0.{n}" for n in range(100)]
FORGOTTEN = [f"10.2.0.{n}" for n in range(100)]
OUTDATED = [f"10.3.{n >> 8}.{n & 255}" for n in range(500)]
UNSURE = frozenset(COLLECTED + FORGOTTEN + OUTDATED)


class Load:
    """What the users of one server do, each run checked, and what was acknowledged."""

    def __init__(self, bangui: OnServer) -> None:
        self.bangui = bangui
        self.ledger = Ledger()
        self.codes: Counter[tuple[str, int]] = Counter()
        self.serials = itertools.count()
        self.own = Lock()
        self.own_connection = connect(bangui.url)

    def run(self, *arguments: object, allowed: tuple[int, ...] = (0,), **options: object) -> None:
        ended = self.bangui.run(*arguments, **options)
        check_run(ended.code, ended.stderr)
        assert ended.code in allowed, (arguments, ended)
        self.codes[str(arguments[0]), ended.code] += 1

    def stage(self, number: int) -> Iterator[None]:
        """Import the same addresses as all others, in an order of one's own, the newest values each."""
        chance = random.Random(number)
        while True:
            ips = chance.sample(SHARED + COLLECTED + FORGOTTEN, ROWS_OF_A_STAGER)
            ips.sort(reverse=number % 2 == 0)
            if number % 3 == 0:
                chance.shuffle(ips)
            entries = [make_entry(ip, next(self.serials)) for ip in ips]
            self.run("import", "-", input=as_lines(entries))
            with self.own:
                self.ledger.acknowledge(entry for entry in entries if entry.ip not in UNSURE)
            yield

    def add(self) -> Iterator[None]:
        chance = random.Random("add")
        while True:
            entry = make_entry(chance.choice(SHARED), next(self.serials))
            options = {"country-code": entry.country_code, "country-name": entry.country_name}
            options |= {"asn": entry.asn, "org": entry.org, "resolved-at": entry.resolved_at}
            self.run("add", entry.ip, *(f"--{name}={value}" for name, value in options.items()))
            with self.own:
                self.ledger.acknowledge([entry])
            yield

    def collect(self, fail2ban: Fail2banDatabase) -> Iterator[None]:
        """Record bans of addresses that others stage, too."""
        for number in itertools.count():
            for ip in COLLECTED[number % 10 :: 10]:
                fail2ban.ban(ip, int(time.time()) - 1000 + number)
            self.run("collect", "--max-age", "0", "--instance", "web9")
            yield

    def forget(self) -> Iterator[None]:
        for number in itertools.count():
            self.run("forget", *FORGOTTEN[number % 4 :: 4])
            yield

    def prune(self) -> Iterator[None]:
        while True:
            self.own_connection.execute(
                "INSERT INTO bangui.geo_cache (ip, cached_at)"
                " SELECT unnest(%s), '2020-01-01T00:00:00.000Z' ON CONFLICT (ip) DO NOTHING",
                (OUTDATED,),
            )
            self.run("prune", "--timeout", "5m", "--wait", "20", allowed=(0, 75))
            yield

    def flush(self, instance: str) -> Iterator[None]:
        """Flush in batches so small that the others come between; hand the lock over now and then."""
        chance = random.Random(instance)
        while True:
            options = ("--batch-size", 50, "--timeout", "5m", "--wait", "20", "--instance", instance)
            self.run("flush", *options, allowed=(0, 75))
            if chance.random() < 0.2:
                self.run("lock", "release", "--instance", instance, allowed=(0, 75))
            yield


def _repeat(steps: Iterator[None], ends_s: float) -> None:
    for _ in steps:
        if time.monotonic() > ends_s:
            return


@pytest.mark.parametrize(
    ("seconds", "stagers"), [(3, 4), pytest.param(60, STAGERS, marks=pytest.mark.torture)]
)
def test_nobody_is_in_the_way_of_another_and_nothing_is_lost(
    on_server: OnServer, seconds: float, stagers: int
):
    """No deadlock reaches a user, nor even the server; each acknowledged row is in one place, or beaten.

    Beside the stagers: collect, forget and prune, and flushes of two instances that take turns. Rows
    that are also forgotten or resolved anew are not counted: what is left of them depends on the order.
    """
    fail2ban = Fail2banDatabase(on_server.home / "fail2ban.sqlite3")
    mmdb = geoip.write_mmdb(on_server.home / "c.mmdb", {"10.1.0.0/16": geoip.country("DE", "Germany")})
    on_server.environment |= {
        "BANGUI_FAIL2BAN_DB": str(fail2ban.path),
        "BANGUI_GEOIP_DB_PATH": str(mmdb),
    }
    fleets.record(on_server.connect())
    load = Load(on_server)
    users = [*map(load.stage, range(stagers)), load.add(), load.collect(fail2ban), load.forget(),
             load.prune(), load.flush("web1"), load.flush("web2")]  # fmt: skip
    ends_s = time.monotonic() + seconds
    with ThreadPoolExecutor(len(users)) as pool:
        for done in [pool.submit(_repeat, steps, ends_s) for steps in users]:
            done.result()

    fleets.check_known(on_server.connect(), load.ledger, leaving_out=UNSURE)
    on_server.ok("forget", *FORGOTTEN)
    on_server.ok("lock", "release", "--force")
    on_server.ok("flush", "--timeout", "5m")
    cached, dirty = fleets.read_entries(on_server.connect())
    assert dirty == {}
    assert {ip: cached[ip] for ip in load.ledger.newest} == load.ledger.newest
    assert not set(cached) & set(FORGOTTEN)
    banned = {ip for (ip,) in on_server.rows("SELECT DISTINCT ip FROM bangui.ban_history")}
    assert banned <= set(cached)
    leases = fleets.check_lock(on_server.connect())
    deadlocks = on_server.rows(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    print(f"{sorted(load.codes.items())}, {len(leases)} leases, {deadlocks} deadlocks")
    assert deadlocks == [(0,)]
