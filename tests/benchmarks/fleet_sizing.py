"""What a server has to bear for each host and each ban: `python tests/benchmarks/fleet_sizing.py [BANS]`.

The figures that bangui-fleet(7) is sized by: bytes of WAL and CPU of the server for a run of each job, with
as many full pages as a checkpoint before it makes necessary and without; bytes on the disk for a ban and
for a cached address; and the client's memory for what reads a history of so many bans.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "support")]

from fail2bans import Fail2banDatabase  # noqa: E402
from fleet import IN_USE, on  # noqa: E402
from import_ import lines  # noqa: E402
from processes import measure  # noqa: E402
from servers import OnServer, open_server  # noqa: E402

RUNS = 100
TICKS = os.sysconf("SC_CLK_TCK")
HISTORY = """
INSERT INTO bangui.ban_history
SELECT 'web' || n % 100, 'sshd', host('0.0.0.0'::inet + (n % ({bans} / 5) * 2654435761 & 4294967295)),
       to_char(timestamp '2026-01-01' + n * interval '1 s', 'YYYY-MM-DD"T"HH24:MI:SS.000"Z"'), 600, 1, 5
  FROM generate_series(1, {bans}::bigint) AS n"""
CACHED = """
INSERT INTO bangui.geo_cache
SELECT DISTINCT ON (ip) ip, 'DE', 'Germany', 'AS64496', 'Organisation', banned_at, banned_at
  FROM bangui.ban_history ORDER BY ip"""
SIZES = "SELECT sum(pg_total_relation_size(('bangui.' || %s)::regclass))"


class Meter:
    """What the server has written and worked."""

    def __init__(self, bangui: OnServer) -> None:
        self._bangui = bangui

    def wal(self) -> float:
        return float(self._bangui.rows("SELECT pg_current_wal_lsn() - '0/0'")[0][0])

    def cpu_s(self) -> float:
        """Return the CPU time of all sessions that have ended."""
        fields = Path(f"/proc/{self._bangui.server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / TICKS


def tell_runs(bangui: OnServer, name: str, command: list[str]) -> None:
    """Print what one run leaves in the WAL, first after a checkpoint and then, and what it works."""
    meter = Meter(bangui)
    bangui.execute("CHECKPOINT")
    start = meter.wal()
    measure(command)
    first, cpu_s = meter.wal() - start, meter.cpu_s()
    each = []
    for _ in range(RUNS):
        start = meter.wal()
        measure(command)
        each.append(meter.wal() - start)
    cpu_ms = (meter.cpu_s() - cpu_s) * 1000 / RUNS
    usual = statistics.median(each)  # autovacuum comes by now and then
    print(f"{name}: WAL {usual:,.0f} B, {first:,.0f} B first after a checkpoint; {cpu_ms:.1f} ms of CPU")


def tell_collect(bangui: OnServer, bans: int) -> None:
    """Print what the WAL takes for a ban that is collected, and for a row that is flushed."""
    fail2ban = Fail2banDatabase(bangui.home / "fail2ban.sqlite3")
    meter = Meter(bangui)
    for count in (10, bans):
        for number in range(count):
            fail2ban.ban(f"11.{count % 250}.{number >> 8}.{number & 255}", 1_790_000_000 + number)
        start = meter.wal()
        collect = on(bangui.url, "collect", "--fail2ban", str(fail2ban.path), "--no-resolve")
        measure(collect)
        print(f"collect of {count:,} bans: WAL {(meter.wal() - start) / count:,.0f} B a ban")
    start = meter.wal()
    measure(collect)
    print(f"collect of none: WAL {meter.wal() - start:,.0f} B")


def tell_flush(bangui: OnServer, rows: int) -> None:
    """Print what the WAL takes for a row that is staged, and for one that is flushed."""
    source = bangui.home / "rows.jsonl"
    source.write_text("".join(lines(rows, in_order=False)))
    meter = Meter(bangui)
    for name, command in (
        ("import", on(bangui.url, "import", str(source))),
        ("flush", on(bangui.url, "flush")),
    ):
        start = meter.wal()
        measure(command)
        print(f"{name} of {rows:,} rows: WAL {(meter.wal() - start) / rows:,.0f} B a row")


def tell_memory(bangui: OnServer, bans: int) -> None:
    """Print what the disk takes for a row, and a client for all of them."""
    bangui.execute(HISTORY.format(bans=bans))
    bangui.execute(CACHED)
    bangui.execute("VACUUM ANALYZE bangui.ban_history")
    for table, rows in (("ban_history", bans), ("geo_cache", bans // 5)):
        size = float(bangui.rows(SIZES, table)[0][0])
        print(f"{table}: {size / rows:,.0f} B a row on the disk")
    copy = str(bangui.home / "copy")
    for command in (
        ("report", "--history", "--by", "country"),
        ("report", "--history", "--by", "country", "--since", "30d"),
        ("export", "cache", "--output", copy),
        ("export", "history", "--output", copy),
    ):
        cost = measure(on(bangui.url, *command))
        print(f"{' '.join(command[:4])} of {bans:,} bans: {cost.wall_s:.1f} s, {cost.peak_mib:.1f} MiB")


def main(bans: int) -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory() as home, open_server() as server:
        server.stop("fast")
        server.configure(IN_USE)
        server.start()
        bangui = OnServer(Path(home), server)
        bangui.ok("init")
        tell_runs(bangui, "heartbeat", on(bangui.url, "heartbeat"))
        tell_runs(bangui, "empty flush", on(bangui.url, "flush"))
        held = [*on(bangui.url, "heartbeat"), "--instance", "web2", "--held-ok"]
        tell_runs(bangui, "held pass", held)
        tell_collect(bangui, 10_000)
        tell_flush(bangui, 10_000)
        bangui.execute("TRUNCATE bangui.ban_history, bangui.geo_cache")
        tell_memory(bangui, bans)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000)
