"""A way to the server that ends nowhere, without a word, ends a run at its timeout, or within 30 s."""

import json
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import Popen

import geoip
import pytest
from conftest import wait_until
from dead_ends import count_calling, open_deaf_port, open_silent_resolver
from fail2bans import Fail2banDatabase
from failures import final_event
from relays import open_relay
from servers import OnServer, connect

TIMEOUT_S, OVERSHOOT_S, ATTEMPTS = 1.5, 0.3, 3
SILENCE_S = 30

JOBS = {
    "flush": ["flush"],
    "heartbeat": ["heartbeat"],
    "prune": ["prune"],
    "re-resolve": ["resolve", "--cached"],
    "collect": ["collect"],
}
OTHERS = (
    "add 192.0.2.1", "import FILE", "import --history BANS", "resolve 192.0.2.1", "lookup 192.0.2.1",
    "report", "bans", "status", "lock show", "lock release --force", "init", "doctor", "export",
    "forget 192.0.2.1",
)  # fmt: skip

# What each command reads first, or soon.
EVERYTHING = "LOCK TABLE bangui.schema_migrations, bangui.job_state, bangui.scheduler_lock"

Wait = Callable[[Popen[str]], object]


class Way:
    """How a run gets to a server that does not answer, and when it has got so far."""

    def __init__(self, url: str, under: list[str] | None = None, wait: Wait = lambda _: None) -> None:
        self.env = {"BANGUI_DATABASE_PATH": url}
        self.under = under or []
        self.wait = wait


def _until(condition: Callable[[], object]) -> Wait:
    """Return what waits until a run has got so far, or has ended."""
    return lambda run: wait_until(lambda: run.poll() is not None or condition())


@contextmanager
def _deaf(bangui: OnServer) -> Iterator[Way]:
    with open_deaf_port() as address:
        usual = count_calling(address)
        url = f"postgresql://postgres:x@{address}/x"
        yield Way(url, wait=_until(lambda: count_calling(address) > usual))


@contextmanager
def _unresolved(bangui: OnServer) -> Iterator[Way]:
    with open_silent_resolver(bangui.home) as (under, resolver):
        asked = _until(lambda: select.select([resolver], [], [], 0)[0])
        yield Way("postgresql://postgres:x@db.example.net/x", under, asked)


@contextmanager
def _silent(bangui: OnServer) -> Iterator[Way]:
    with open_relay(bangui.server) as relay:
        relay.silence()
        url = f"postgresql://postgres:x@{relay.address}/x"
        yield Way(url, wait=_until(lambda: relay.connections))


@contextmanager
def _silenced(bangui: OnServer) -> Iterator[Way]:
    bangui.execute("ALTER ROLE postgres PASSWORD 'relayed'")
    other = connect(bangui.url)
    other.raw.autocommit = False
    other.execute(EVERYTHING)
    with open_relay(bangui.server) as relay:

        def wait(run: Popen[str]) -> None:
            _until(bangui.count_waiting)(run)
            relay.silence()

        yield Way(f"postgresql://postgres:relayed@{relay.address}/{bangui.name}", wait=wait)
    other.raw.close()


WAYS = {
    "dropped SYNs": _deaf,
    "a resolver that never answers": _unresolved,
    "silence after the connect": _silent,
    "silence in the middle": _silenced,
}


@pytest.fixture
def host(on_server: OnServer) -> OnServer:
    """Run bangui on a host with all that a job reads there."""
    home = on_server.home
    germany = geoip.country("DE", "Germany")
    on_server.environment |= {
        "BANGUI_FAIL2BAN_DB": str(Fail2banDatabase(home / "fail2ban.sqlite3").path),
        "BANGUI_GEOIP_DB_PATH": str(geoip.write_mmdb(home / "country.mmdb", {"10.0.0.0/9": germany})),
    }
    (home / "FILE").write_text('{"ip": "192.0.2.1"}\n')
    ban = {
        "instance": "web1",
        "jail": "sshd",
        "ip": "192.0.2.1",
        "banned_at": "2026-01-01T00:00:00.000Z",
    }
    (home / "BANS").write_text(json.dumps(ban) + "\n")
    return on_server


def _overshoot_s(bangui: OnServer, way: Way, job: str) -> float:
    """Return how long a run that must time out took beyond that, its start included."""
    began_s = time.monotonic()
    run = bangui.start(*JOBS[job], "--timeout", TIMEOUT_S, "--json", env=way.env, under=way.under)
    way.wait(run)
    ended = bangui.end(run)
    took_s = time.monotonic() - began_s

    assert ended.code == 124, ended
    if not ended.stdout:
        return took_s  # the machine was too busy even to tell
    assert ended.json["outcome"] == "timeout"
    final_event(ended)
    return took_s - TIMEOUT_S


MOST_JOBS = [pytest.param(job, marks=pytest.mark.torture) for job in JOBS if job != "heartbeat"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("job", ["heartbeat", *MOST_JOBS])
def test_the_timeout_ends_a_job_on_a_way_that_ends_nowhere(host: OnServer, way: str, job: str):
    """Whoever is silent; the best of some attempts, since a busy machine adds to each."""
    overshoots_s: list[float] = []
    while len(overshoots_s) < ATTEMPTS and min(overshoots_s, default=1.0) > OVERSHOOT_S:
        with WAYS[way](host) as open_way:
            overshoots_s.append(_overshoot_s(host, open_way, job))
    print(f"{job}, {way}: overshoot {min(overshoots_s):.3f} s")

    assert min(overshoots_s) <= OVERSHOOT_S


def test_the_next_host_has_its_turn_where_the_first_takes_no_syn(on_server: OnServer):
    """The kernel would try for two minutes."""
    place, port = on_server.server.place, on_server.server.port
    with open_deaf_port() as address:
        deaf_host, _, deaf_port = address.partition(":")
        url = f"postgresql://postgres@/{on_server.name}?host={deaf_host},{place}&port={deaf_port},{port}"
        on_server.ok("heartbeat", "--timeout", 20, env={"BANGUI_DATABASE_PATH": url})


@pytest.mark.parametrize("way", WAYS)
def test_a_signal_is_heard_on_a_way_that_ends_nowhere(host: OnServer, way: str):
    """Within a second; also while a name is resolved, which nothing interrupts."""
    with WAYS[way](host) as open_way:
        run = host.start("status", env=open_way.env, under=open_way.under)
        open_way.wait(run)
        run.terminate()
        began_s = time.monotonic()
        ended = host.end(run)

    assert ended.code == 143, ended
    assert time.monotonic() - began_s < 1.3


@pytest.mark.torture
@pytest.mark.parametrize("way", WAYS)
def test_what_has_no_timeout_ends_within_half_a_minute(host: OnServer, way: str):
    """Each command by itself; they wait side by side, and start and end as where a server refuses."""
    began_s = time.monotonic()
    nowhere = {"BANGUI_DATABASE_PATH": "postgresql://127.0.0.1:1/x"}
    for run in [host.start(*command.split(), cwd=host.home, env=nowhere) for command in OTHERS]:
        assert host.end(run).code == 69
    usual_s = time.monotonic() - began_s
    with WAYS[way](host) as open_way:
        began_s = time.monotonic()
        runs = {
            command: host.start(*command.split(), env=open_way.env, under=open_way.under, cwd=host.home)
            for command in OTHERS
        }
        if way == "silence in the middle":
            wait_until(lambda: host.count_waiting() == len(runs))
        open_way.wait(next(iter(runs.values())))
        ended = {command: host.end(run) for command, run in runs.items()}
        took_s = time.monotonic() - began_s
    print(f"{way}: the last of {len(runs)} after {took_s:.1f} s, usually {usual_s:.1f} s")

    assert {command: one.code for command, one in ended.items()} == dict.fromkeys(OTHERS, 69), ended
    assert took_s < SILENCE_S + 2 * usual_s


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("heartbeat", "UPDATE bangui.scheduler_lock"),
        ("flush", "INSERT INTO bangui.geo_cache AS"),
        ("prune", "DELETE FROM bangui.geo_cache WHERE"),
        ("re-resolve", "INSERT INTO bangui.geo_cache_dirty"),
        ("collect", "INSERT INTO bangui.ban_history"),
    ],
)
def test_a_message_that_arrives_after_its_run_has_ended_changes_nothing(
    host: OnServer, job: str, message: str
):
    """A network that was away delivers what the dead had sent; by then nobody can be told any more."""
    now_s = int(time.time())
    Fail2banDatabase(host.home / "fail2ban.sqlite3").ban("10.0.0.9", now_s)
    host.execute(
        "INSERT INTO bangui.geo_cache (ip, cached_at) VALUES ('10.0.0.1', '2001-01-01T00:00:00.000Z')"
    )
    host.ok("heartbeat")
    host.ok("add", "10.0.0.2")
    with open_relay(host.server) as relay:
        relay.silence_at(message)
        env = {"BANGUI_DATABASE_PATH": f"postgresql://postgres@{relay.address}/{host.name}"}
        for timeout_s in (1, 2, 4, 8, 16, 32):
            ended = host.run(*JOBS[job], "--timeout", timeout_s, env=env)
            if relay.is_silent:
                break  # else the machine was too busy to get so far
        at_its_end = host.contents()
        relay.resume()
        wait_until(lambda: host.count_connected() == 0)
        late = host.contents()

    assert ended.code == 124, ended
    assert late == at_its_end
