"""What a server costs, side by side in one run: `python tests/benchmarks/fleet.py [ROWS] [PART]...`, as root.

Parts are `heartbeat`, `flush`, `import` and `distance`; all of them unless some are named. It makes a
server of its own in a temporary directory, which syncs as one in use does. Ratios hold from machine to
machine, times do not. To reach: a job 1.15 x the CPU of a bare script that says the same, and 1.6 x that of
the job on a file; a flush 2.3 x one transaction of psql, 1.6 x where the cache holds as many, no batch of
99 in 100 over 100 ms, 40 MiB; an import 0.3 x COPY or 30,000 rows/s; at a round trip of 20 ms a flush of
100,000 rows in 8 s, a heartbeat connecting and 3 round trips, an empty flush and 5.
"""

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "support")]

from import_ import lines  # noqa: E402
from processes import bangui as program  # noqa: E402
from processes import compare, measure, same_words  # noqa: E402
from relays import open_relay  # noqa: E402
from servers import OnServer, Server, connect, find_program, open_server  # noqa: E402

RUNS = 25
ROUND_TRIP_S, FAR_ROWS = 0.02, 100_000
IN_USE = "fsync = on\nautovacuum_naptime = 1min\n"

# Runs bangui, and prints what it says to the server.
RECORD = """
import psycopg2
from psycopg2 import extensions
connect = psycopg2.connect

class Heard(extensions.cursor):
    def execute(self, message, parameters=None):
        print(self.mogrify(message, parameters).decode(), end="\\0")
        super().execute(message, parameters)

psycopg2.connect = lambda *arguments, **options: connect(*arguments, cursor_factory=Heard, **options)
from bangui_cli.cli.main import run
run()
"""
# Says just that, and nothing else.
BARE = """
import sys, click, psycopg2, select
connection = psycopg2.connect(sys.argv[1], async_=1)
def wait():
    while (state := connection.poll()) != 0:
        poll = select.poll()
        poll.register(connection.fileno(), 1 if state == 1 else 4)
        poll.poll()
wait()
for message in {words!r}:
    cursor = connection.cursor()
    cursor.execute(message)
    wait()
    cursor.fetchall()
connection.close()
"""
ONE_TRANSACTION = """
BEGIN;
INSERT INTO bangui.geo_cache (ip, country_code, country_name, asn, org, cached_at, last_seen)
SELECT ip, country_code, country_name, asn, org, resolved_at, resolved_at FROM bangui.geo_cache_dirty
 ORDER BY ip
ON CONFLICT (ip) DO UPDATE SET country_code = excluded.country_code, country_name = excluded.country_name,
    asn = excluded.asn, org = excluded.org, cached_at = excluded.cached_at, last_seen = excluded.last_seen;
DELETE FROM bangui.geo_cache_dirty;
COMMIT"""
# The same addresses each time, all different, all over the range, as they may have been staged.
DIRTY = """
INSERT INTO bangui.geo_cache_dirty
SELECT host('0.0.0.0'::inet + (n * 2654435761 & 4294967295)), 'DE', 'Germany', 'AS' || n % 65000,
       'Organisation ' || n % 65000, '2026-01-02T12:00:00.000Z' FROM generate_series(1, {rows}::bigint) AS n"""
CACHED = """
INSERT INTO bangui.geo_cache
SELECT ip, country_code, country_name, asn, org, '2026-01-01T12:00:00.000Z' FROM bangui.geo_cache_dirty
 ORDER BY ip"""
BARE_TABLE = (
    "CREATE TABLE bare (ip text, country_code text, country_name text, asn text, org text, at text)"
)
DURATION = re.compile(r"duration: ([\d.]+) ms  statement: (.*?)(?=duration: |\Z)", re.DOTALL)


def psql(url: str, statement: str) -> list[str]:
    """Return the command that has psql say something."""
    path = find_program("psql")
    assert path
    return [path, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement]


def on(url: str, command: str, *options: str) -> list[str]:
    """Return the command of bangui on an address or a path."""
    return [*program(), command, "-d", url, "--instance", "web1", *options]


def jobs(bangui: OnServer) -> None:
    """Compare jobs with a script that says what they were heard to say, and with jobs on a file."""
    file = str(bangui.home / "file.db")
    bangui.ok("init", "-d", file)
    for each in (bangui.url, file):
        bangui.ok("heartbeat", "-d", each)
    held = ["--instance", "web2", "--held-ok"]
    for name, options in {"heartbeat": [], "flush": [], "held flush": held}.items():
        job = name.split()[-1]
        ours = on(bangui.url, job, *options)
        script = [sys.executable, same_messages(bangui.home, ours), bangui.url]
        compare(f"{name}, bare", ours, script, 1.15, RUNS)
        compare(f"{name}, file", ours, on(file, job, *options), 1.6, RUNS)


def same_messages(place: Path, ours: list[str]) -> str:
    """Write a script that says to the server what a job says, and return its path."""
    # Behind its timeout a message is refused.
    arguments = [*ours[len(program()) :], "--timeout", "1h"]
    return same_words(place / "bare.py", BARE, RECORD, arguments)


def flushes(bangui: OnServer, rows: int) -> None:
    """Compare a flush with one transaction, into an empty cache and into one of as many."""
    for cache, limit in (("empty", 2.3), ("of as many", 1.6)):
        template = filled(bangui.server, rows, is_cached=cache != "empty")
        url = copied(bangui.server, template)
        bare = measure(psql(url, ONE_TRANSACTION))
        url = copied(bangui.server, template)
        log_durations(bangui.server, url)
        ours = measure(on(url, "flush", "--timeout", "1h"))
        holds_ms = sorted(durations_ms(bangui.server, "DELETE FROM bangui.geo_cache_dirty"))
        print(
            f"flush of {rows:,}, cache {cache}: {ours.wall_s:.1f} s / {bare.wall_s:.1f} s ="
            f" {ours.wall_s / bare.wall_s:.2f} (limit {limit})  client CPU {ours.cpu_s:.1f} s"
            f"  peak {ours.peak_mib:.1f} MiB  {len(holds_ms)} batches of {statistics.median(holds_ms):.0f} ms,"
            f" 99 in 100 under {holds_ms[len(holds_ms) * 99 // 100]:.0f}, longest {holds_ms[-1]:.0f}",
            flush=True,
        )


def filled(server: Server, rows: int, *, is_cached: bool) -> str:
    """Make a database with so many dirty rows, and as many older ones in the cache or none."""
    url = server.make_database()
    measure([*program(), "init", "-q", "-d", url])
    connection = connect(url)
    connection.execute(DIRTY.format(rows=rows))
    if is_cached:
        connection.execute(CACHED)
    for table in ("geo_cache", "geo_cache_dirty"):
        connection.execute(f"VACUUM ANALYZE bangui.{table}")
    connection.raw.close()
    return name_of(url)


def copied(server: Server, template: str) -> str:
    """Return the address of a fresh copy, of which all is on the disk."""
    server.execute("DROP DATABASE IF EXISTS trial")
    server.execute(f"CREATE DATABASE trial TEMPLATE {template}")
    server.execute("CHECKPOINT")
    return server.url("trial")


def name_of(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def log_durations(server: Server, url: str) -> None:
    """Have the server write down how long each message takes it, commit and all."""
    for setting in ("log_min_messages = log", "log_min_duration_statement = 0"):
        server.execute(f"ALTER DATABASE {name_of(url)} SET {setting}")


def durations_ms(server: Server, part: str) -> list[float]:
    """Return how long the messages took that had such a part."""
    log = server.place / "log"
    found = [float(ms) for ms, statement in DURATION.findall(log.read_text()) if part in statement]
    log.write_text("")
    return found


def imports(bangui: OnServer, rows: int) -> None:
    """Compare an import of JSON lines with COPY of the same rows into a bare table."""
    source = bangui.home / "rows.jsonl"
    with source.open("w") as file:
        file.writelines(lines(rows, in_order=False))
    bangui.execute(BARE_TABLE)
    ours = measure(on(bangui.url, "import", str(source)))
    copy = bangui.server.data / "rows.copy"
    bangui.execute(f"COPY bangui.geo_cache_dirty TO '{copy}'")
    bare = measure(psql(bangui.url, f"COPY bare FROM '{copy}'"))
    print(
        f"import of {rows:,} JSON lines: {rows / ours.wall_s:,.0f} rows/s (to reach 30,000), CPU"
        f" {ours.cpu_s:.1f} s, peak {ours.peak_mib:.1f} MiB; COPY {rows / bare.wall_s:,.0f} rows/s:"
        f" {bare.wall_s / ours.wall_s:.2f} x (or to reach 0.3)"
    )


def at_a_distance(bangui: OnServer) -> None:
    """Flush through a relay that takes 10 ms each way, and count round trips."""
    url = copied(bangui.server, filled(bangui.server, FAR_ROWS, is_cached=False))
    bangui.server.execute("ALTER ROLE postgres PASSWORD 'relayed'")
    with open_relay(bangui.server, delay_s=ROUND_TRIP_S / 2) as relay:
        far = f"postgresql://postgres:relayed@{relay.address}/{name_of(url)}"
        before = relay.round_trips
        connect(far).raw.close()
        connecting = relay.round_trips - before
        for name, command, limit in (
            (f"flush of {FAR_ROWS:,}", on(far, "flush", "--timeout", "1h"), "8 s"),
            ("heartbeat", on(far, "heartbeat"), "3"),
            ("empty flush", on(far, "flush"), "5"),
        ):
            before = relay.round_trips
            took_s = measure(command).wall_s
            trips = relay.round_trips - before - connecting
            print(f"{name} at 20 ms: {took_s:.2f} s, {trips} round trips once connected (limit {limit})")


def main(rows: int, parts: list[str]) -> None:
    """Print the figures of the parts."""
    known: dict[str, Callable[[OnServer], None]] = {
        "heartbeat": jobs,
        "flush": lambda bangui: flushes(bangui, rows),
        "import": lambda bangui: imports(bangui, rows),
        "distance": at_a_distance,
    }
    with tempfile.TemporaryDirectory() as home, open_server() as server:
        server.stop("fast")
        server.configure(IN_USE)
        server.start()
        bangui = OnServer(Path(home), server)
        bangui.ok("init")
        for part in parts or known:
            began_s = time.monotonic()
            known[part](bangui)
            print(f"({part} took {time.monotonic() - began_s:.0f} s)")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(int(arguments[0]) if arguments else 1_000_000, arguments[1:])
