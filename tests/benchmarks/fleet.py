"""What a server costs, side by side in one run: `python tests/benchmarks/fleet.py [ROWS]`, as root.

Ratios hold from machine to machine, times do not. It makes a server of its own in a temporary directory.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "support")]

from servers import OnServer, connect, open_server  # noqa: E402

ROUNDS = 15
BARE = """
import sys, click, psycopg2, select
c = psycopg2.connect(sys.argv[1], async_=1)
def wait():
    while (state := c.poll()) != 0:
        p = select.poll(); p.register(c.fileno(), 1 if state == 1 else 4); p.poll()
wait()
cursor = c.cursor()
for statement in sys.stdin.read().split("\\0"):
    cursor.execute(statement); wait()
    cursor.fetchall()
c.close()
"""
ONE_TRANSACTION = """
BEGIN;
INSERT INTO bangui.geo_cache (ip, country_code, country_name, asn, org, cached_at, last_seen)
SELECT ip, country_code, country_name, asn, org, resolved_at, resolved_at FROM bangui.geo_cache_dirty
ON CONFLICT (ip) DO UPDATE SET country_code = excluded.country_code, country_name = excluded.country_name,
    asn = excluded.asn, org = excluded.org, cached_at = excluded.cached_at, last_seen = excluded.last_seen;
DELETE FROM bangui.geo_cache_dirty;
COMMIT"""


def cpu_s(command, **options) -> float:
    """Return the CPU time of a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def heartbeats(bangui: OnServer) -> None:
    """Compare a heartbeat with a bare script, and with one on a file, taking turns."""
    file = bangui.home / "file.db"
    bangui.ok("init", "-d", file)
    statements = "\0".join(["SET LOCAL statement_timeout = 1000; SELECT 1"] * 2)
    commands = {
        "bare script": ([sys.executable, "-c", BARE, bangui.url], {"input": statements.encode()}),
        "on a server": (bangui.command("heartbeat"), {"env": bangui.environment}),
        "on a file": (bangui.command("heartbeat", "-d", file), {"env": bangui.environment}),
    }
    taken = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, (command, options) in commands.items():
            taken[name].append(cpu_s(command, **options))
    median = {name: statistics.median(times) for name, times in taken.items()}
    ours = median["on a server"]
    print(
        f"heartbeat: {ours / median['bare script']:.2f} x the bare script, "
        f"{ours / median['on a file']:.2f} x a heartbeat on a file"
    )


def fill(bangui: OnServer, rows: int) -> None:
    bangui.execute("TRUNCATE bangui.geo_cache_dirty")
    bangui.execute(
        "INSERT INTO bangui.geo_cache_dirty SELECT host('10.0.0.0'::inet + n), 'DE', 'Germany', 'AS64496',"
        f" 'Example', '2026-01-01T00:00:00.000Z' FROM generate_series(1, {rows}) AS n ORDER BY random()"
    )
    bangui.execute("VACUUM ANALYZE bangui.geo_cache_dirty")
    bangui.execute("CHECKPOINT")


def flushes(bangui: OnServer, rows: int) -> None:
    """Compare a flush with one transaction, into an empty cache and into one of as many."""
    for cache in ("empty", "of as many"):
        taken = {}
        for way in ("one transaction", "bangui"):
            if cache == "empty":
                bangui.execute("TRUNCATE bangui.geo_cache")
            fill(bangui, rows)
            began_s = time.perf_counter()
            if way == "bangui":
                bangui.ok("flush", "--timeout", "1h")
            else:
                connect(bangui.url).execute(ONE_TRANSACTION)
            taken[way] = time.perf_counter() - began_s
        print(
            f"flush of {rows:,}, cache {cache}: {taken['bangui'] / taken['one transaction']:.2f} x one "
            f"transaction ({taken['bangui']:.1f} s)"
        )


def imports(bangui: OnServer, rows: int) -> None:
    lines = "".join(
        f'{{"ip": "10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "country_code": "DE", "asn": 64496}}\n'
        for n in range(rows)
    )
    bangui.execute("TRUNCATE bangui.geo_cache_dirty")
    began_s = time.perf_counter()
    bangui.ok("import", input=lines)
    took_s = time.perf_counter() - began_s
    print(f"import of {rows:,} JSON lines: {rows / took_s:,.0f} rows/s")


def at_a_distance(bangui: OnServer, rows: int) -> None:
    """Flush through a relay that takes 10 ms each way."""
    from relays import open_relay

    with open_relay(bangui.server, delay_s=0.01) as relay:
        fill(bangui, rows)
        url = f"postgresql://postgres:relayed@{relay.address}/{bangui.name}"
        bangui.execute("ALTER ROLE postgres PASSWORD 'relayed'")
        began_s = time.perf_counter()
        bangui.ok("flush", "--timeout", "1h", env={"BANGUI_DATABASE_PATH": url})
        print(f"flush of {rows:,} at 20 ms round trip: {time.perf_counter() - began_s:.1f} s")
        for command in ("heartbeat", "flush"):
            began_s = time.perf_counter()
            bangui.ok(command, env={"BANGUI_DATABASE_PATH": url})
            print(f"{command} at 20 ms round trip: {time.perf_counter() - began_s:.2f} s")


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as home, open_server() as server:
        bangui = OnServer(Path(home), server)
        bangui.ok("init")
        heartbeats(bangui)
        flushes(bangui, rows)
        imports(bangui, rows)
        at_a_distance(bangui, min(rows, 100_000))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 200_000)
