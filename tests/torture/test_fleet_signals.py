"""A signal at any moment ends a run on a server within a second, and what it reports is what is there."""

import collections
import json
import random
import signal
import sys
import time

import geoip
import pytest
from conftest import wait_until
from fail2bans import Fail2banDatabase
from invariants import check_run
from servers import OnServer

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ENDS_WITHIN_S = 1.0
# So long after a signal the watchdog ends a run that has not ended by itself.
_CUT_OFF_S = 0.8
ROWS = 20_000
FILL = f"""
INSERT INTO bangui.geo_cache_dirty
SELECT host('10.0.0.0'::inet + n), 'DE', 'Germany', 'AS1', 'Org', '2026-01-01T00:00:00.000Z'
  FROM generate_series(1, {ROWS}) AS n"""
EMPTY = "TRUNCATE bangui.geo_cache_dirty, bangui.geo_cache, bangui.ban_history, bangui.collect_state"
FEW_OR_MANY = pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.torture)])
# Batches so small that an import, or a collect, of some thousand rows is many of them.
SMALL_BATCHES = """
from bangui_cli.store.postgresql.store import PostgresqlStore
from bangui_cli.fail2ban import bans
from bangui_cli.jobs import collect
PostgresqlStore.most_pending_bytes = 200_000
bans._HOLD_S, collect._BATCH_ROWS = 0.0005, 200
from bangui_cli.cli.main import run
run()
"""


def _count(bangui: OnServer, table: str) -> int:
    return int(bangui.rows(f"SELECT count(*) FROM bangui.{table}")[0][0])


class Rounds:
    """Runs of one command, each interrupted at some moment."""

    def __init__(self, bangui: OnServer, seed: int) -> None:
        self.bangui = bangui
        self.chance = random.Random(seed)
        self.codes: collections.Counter[int] = collections.Counter()
        self.untold = 0
        self.takes_s: list[float] = []

    def interrupt(self, number: int, table: str, *arguments: object, **options: object):
        """Run a command, at work on a table, to its end by a signal; return that, None before its work."""
        run = self.bangui.start(*arguments, "--json", **options)
        if number % 6 == 5:
            time.sleep(self.chance.uniform(0.0, 0.2))
        else:
            wait_until(lambda: run.poll() is not None or _count(self.bangui, table))
            time.sleep(self.chance.uniform(0.0, 0.15))
        sent = SIGNALS[number % len(SIGNALS)]
        run.send_signal(sent)
        began_s = time.monotonic()
        ended = self.bangui.end(run)
        self.takes_s.append(time.monotonic() - began_s)
        wait_until(lambda: self.bangui.count_connected() == 0)
        self.codes[ended.code] += 1
        if ended.code == -sent or not ended.stdout:
            return None  # it had not begun
        if not ended.stderr and self.takes_s[-1] > _CUT_OFF_S:
            self.untold += 1  # the machine was too busy to tell in time
            return ended
        check_run(ended.code, ended.stderr)
        assert ended.code in (0, 128 + sent)
        return ended

    def require(self, told: int | None, there: int, ended: object) -> None:
        """Require that what was told is there, and all of it; nothing may be told where nobody knows."""
        self.untold += told is None
        assert told in (there, None), ended

    def end(self, what: str) -> None:
        """Require the rest: that most told what they did, and ended in time."""
        print(f"{what}: {dict(self.codes)}, untold {self.untold}, at most {max(self.takes_s):.2f} s")
        few = len(self.takes_s) < 10
        assert few or self.untold <= len(self.takes_s) / 4
        # What a busy machine adds to single ones says nothing.
        assert sorted(self.takes_s)[0 if few else len(self.takes_s) // 2] < ENDS_WITHIN_S


@FEW_OR_MANY
def test_an_interrupted_flush_tells_what_it_has_moved(on_server: OnServer, rounds: int):
    """Also where the signal came between a commit and its answer."""
    runs = Rounds(on_server, rounds)
    for number in range(rounds):
        on_server.execute(EMPTY)
        on_server.execute(FILL)
        ended = runs.interrupt(number, "geo_cache", "flush", "--batch-size", 100)
        moved = _count(on_server, "geo_cache")
        assert moved + _count(on_server, "geo_cache_dirty") == ROWS
        if ended:
            runs.require(ended.json["flushed"], moved, ended)
    runs.end("flush")


@FEW_OR_MANY
def test_an_interrupted_import_tells_what_it_has_staged(on_server: OnServer, rounds: int):
    """What it had read when the signal came is there, too, or is not told."""
    file = on_server.home / "rows.jsonl"
    file.write_text(
        "".join(
            json.dumps({"ip": f"10.{n >> 8}.{n & 255}.1", "country_code": "DE"}) + "\n"
            for n in range(ROWS)
        )
    )
    runs = Rounds(on_server, rounds)
    for number in range(rounds):
        on_server.execute(EMPTY)
        small = [sys.executable, "-c", SMALL_BATCHES]
        ended = runs.interrupt(number, "geo_cache_dirty", "import", file, program=small)
        if ended:
            runs.require(ended.json["staged"], _count(on_server, "geo_cache_dirty"), ended)
    runs.end("import")


@FEW_OR_MANY
def test_an_interrupted_resolve_tells_what_it_has_staged(on_server: OnServer, rounds: int):
    """Of the addresses that it was about to stage, too."""
    addresses = on_server.home / "addresses"
    addresses.write_text("\n".join(f"10.{n >> 8}.{n & 255}.1" for n in range(ROWS)))
    germany = geoip.country("DE", "Germany")
    file = geoip.write_mmdb(on_server.home / "country.mmdb", {"10.0.0.0/9": germany})
    runs, command = Rounds(on_server, rounds), ("resolve", "-", "--geoip-db", file)
    for number in range(rounds):
        on_server.execute(EMPTY)
        with addresses.open() as stdin:
            ended = runs.interrupt(number, "geo_cache_dirty", *command, stdin=stdin)
        there = _count(on_server, "geo_cache_dirty")
        if ended:
            runs.require(ended.json["staged"], there, ended)
            found = _count(on_server, "geo_cache_dirty WHERE country_code IS NOT NULL")
            assert ended.json["resolved"] == (None if ended.json["staged"] is None else found)
    runs.end("resolve")


@FEW_OR_MANY
def test_an_interrupted_collect_tells_what_it_has_recorded(on_server: OnServer, rounds: int):
    """And the next one records the rest, none twice."""
    fail2ban = Fail2banDatabase(on_server.home / "fail2ban.sqlite3")
    now_s, count = int(time.time()), 4000
    connection = fail2ban.connect()
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO bans (jail, ip, timeofban, bantime, bancount, data) VALUES ('sshd', ?, ?, 600, 1, '{}')",
        [(f"10.0.{n >> 8}.{n & 255}", now_s - n) for n in range(count)],
    )
    connection.execute("COMMIT")
    connection.close()
    germany = geoip.country("DE", "Germany")
    on_server.environment |= {
        "BANGUI_FAIL2BAN_DB": str(fail2ban.path),
        "BANGUI_GEOIP_DB_PATH": str(
            geoip.write_mmdb(on_server.home / "c.mmdb", {"10.0.0.0/9": germany})
        ),
    }
    runs, small = Rounds(on_server, rounds), [sys.executable, "-c", SMALL_BATCHES]
    for number in range(rounds):
        on_server.execute(EMPTY)
        ended = runs.interrupt(number, "ban_history", "collect", program=small)
        recorded = _count(on_server, "ban_history")
        if ended:
            runs.require(ended.json["recorded"], recorded, ended)
        rest = on_server.ok("collect", "--json").json["recorded"]
        assert (recorded + rest, _count(on_server, "ban_history")) == (count, count)
        assert _count(on_server, "geo_cache_dirty") == count
    runs.end("collect")
