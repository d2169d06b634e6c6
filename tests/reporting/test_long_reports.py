"""Reports of more rows than anybody reads: they take no memory for them, and hold nobody up."""

import csv
import io
import itertools
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from peaks import peak_mib
from servers import connect

from bangui_cli.reporting import history
from bangui_cli.reporting.selection import Selection
from bangui_cli.store import open_store
from bangui_cli.store.bans import EVERY_BAN

ROWS = 20_000
# Each address is banned once, one in a hundred twice, and one in two is known.
FILL = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :rows - 1),
               a (i, ip) AS (SELECT i, format('10.%d.%d.%d', i >> 16, (i >> 8) & 255, i & 255) FROM n)
INSERT INTO {}"""
CACHED = "geo_cache SELECT ip, 'DE', 'Germany', 'AS1', 'Org ' || i, :at, NULL FROM a WHERE i % 2"
BANNED = """ban_history SELECT 'web1', 'sshd', ip, strftime('%Y-%m-%dT%H:%M:%S.000Z', 1767225600 + i,
       'unixepoch'), 600, 1, 5 FROM a"""
BANNED_AGAIN = BANNED.replace("1767225600", "1777225600") + " WHERE i % 100 = 0"
BANNED_ON_SERVER = """
INSERT INTO bangui.ban_history (instance, jail, ip, banned_at, bantime_s, bancount, failures)
SELECT 'web1', 'sshd', concat_ws('.', 10, i >> 16, (i >> 8) & 255, i & 255),
       to_char(timestamp '2026-01-01' + i * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 600, 1, 5
  FROM generate_series(0, %s - 1) AS i"""
REPORT = ["report", "--history", "--by", "ip"]
BANS = ["bans", "--limit", "100000"]


@pytest.fixture
def long(bangui):
    for table in (CACHED, BANNED, BANNED_AGAIN):
        bangui.execute(FILL.format(table), rows=ROWS, at="2026-01-01T00:00:00.000Z")
    return bangui


@pytest.mark.parametrize("layout", ["table", "json", "csv"])
def test_many_rows_take_no_memory(long, layout):
    """A history of years would not fit; before, these took 25 MiB and more."""
    for command, short in ((REPORT, ["--top", "1"]), (BANS, ["--limit", "1"])):
        few, many = (peak_mib(long, *command, *options, "--format", layout) for options in (short, []))

        assert (few[0], many[0]) == (0, 0)
        assert many[1] < few[1] + 8, command


def test_all_rows_are_there_in_order_in_every_form(long):
    """What goes out in pieces is one document."""
    of_json = long.ok(*REPORT, "--json").json
    of_csv = list(csv.DictReader(io.StringIO(long.ok(*REPORT, "--format", "csv").stdout)))
    table = long.ok(*REPORT).stdout.splitlines()

    counts = [(row["key"], row["count"]) for row in of_json["rows"]]
    assert counts == sorted(counts, key=lambda row: (-row[1], row[0]))
    assert len({key for key, _ in counts}) == ROWS
    assert (of_json["total"], of_json["other"]) == (ROWS + ROWS // 100, 0)
    assert [(row["key"], int(row["count"])) for row in of_csv] == counts
    assert [line.split()[0] for line in table[1:-1]] == [key for key, _ in counts]
    assert len({line.index("2026-01-01") for line in table[1:-1]}) == 1


def test_bans_that_are_left_out_are_counted_also_of_many(long):
    """The last piece is no other than the first."""
    found = long.ok("bans", "--limit", "2001", "--json").json
    assert (len(found["bans"]), found["left_out"]) == (2001, found["total"] - 2001)
    assert long.ok("bans", "--limit", "2001").stdout.endswith("more bans left out: see --limit\n")


@pytest.mark.parametrize("command", [REPORT, BANS], ids=["report", "bans"])
def test_a_slow_reader_holds_nobody_up_and_gets_one_state(long, command):
    """A pager that stands still must not keep a flush from its commit, nor show what came later."""
    reading = long.start(*command, "--json")
    first = os.read(reading.stdout.fileno(), 1)  # the pipe is full, and it waits

    long.ok("add", "10.0.0.1", "--country-code", "FR")
    long.ok("flush", "--timeout", "5")
    long.execute("DELETE FROM ban_history WHERE ip > '10.0.1'")

    assert reading.poll() is None
    ended = long.end(reading)
    found = json.loads(first.decode() + ended.stdout)
    assert (ended.code, found["total"]) == (0, ROWS + ROWS // 100)
    assert "FR" not in {row["country_code"] for row in found.get("rows") or found["bans"]}


@pytest.mark.parametrize("command", [REPORT, BANS], ids=["report", "bans"])
@pytest.mark.parametrize("layout", ["table", "json", "csv"])
def test_a_reader_that_leaves_is_no_failure(long, command, layout):
    """As `bangui bans | head` does, or a pager that was quit."""
    shell = f"{sys.executable} -m bangui_cli {' '.join(command)} --format {layout}"
    ended = subprocess.run(
        ["bash", "-c", f"{shell} | head -c 100 > /dev/null; exit ${{PIPESTATUS[0]}}"],
        env=long.environment, capture_output=True, check=False,
    )  # fmt: skip

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_signal_ends_what_waits_for_its_reader(long):
    """Ctrl-C in a pager, or systemd that stops a service."""
    reading = long.start(*REPORT, "--json")
    os.read(reading.stdout.fileno(), 1)
    reading.terminate()

    assert reading.wait(10) == 143
    reading.communicate()


def test_what_cannot_be_copied_leaves_the_old_file(long, tmp_path):
    """There is no directory for temporary files that has room for it."""
    path = tmp_path / "report.csv"
    path.write_text("yesterday's")
    limit = ["bash", "-c", 'ulimit -f 100; exec "$@"', "-"]
    ended = long.run(*REPORT, "--format", "csv", "--output", path, under=limit)

    assert (ended.code, path.read_text()) == (74, "yesterday's")
    assert ended.events[-1]["hint"]


@pytest.mark.parametrize("command", [REPORT, BANS], ids=["report", "bans"])
def test_a_server_is_asked_in_pieces(on_server, command):
    """All of its answer at once would take as much memory as that of a file."""
    connection = connect(on_server.environment["BANGUI_DATABASE_PATH"])
    connection.execute(BANNED_ON_SERVER, [ROWS])
    connection.raw.close()

    few, many = (peak_mib(on_server, *command, *options, "--json") for options in (["--active"], []))

    assert (few[0], many[0]) == (0, 0)
    assert many[1] < few[1] + 8
    found = on_server.ok(*command, "--json").json
    assert len(found.get("rows") or found["bans"]) == found["total"] == ROWS


class Growing:
    """The memory of bans on a server, to which each question is followed by another ban."""

    def __init__(self, bans, ban):
        self._bans, self._ban = bans, ban

    def __getattr__(self, question):
        def ask(*arguments):
            answer = getattr(self._bans, question)(*arguments)
            self._ban()
            return answer

        return ask


@pytest.fixture
def growing(on_server):
    connection = connect(on_server.url)
    connection.execute(BANNED_ON_SERVER, [3])
    numbers = itertools.count()

    def ban():
        connection.execute(
            "INSERT INTO bangui.ban_history (instance, jail, ip, banned_at, bantime_s, bancount)"
            " VALUES (%s, 'sshd', '10.0.0.0', '2026-01-01T00:00:00.000Z', 600, 1)",
            [f"web{next(numbers)}-"],
        )

    with open_store(on_server.url) as store:
        yield SimpleNamespace(bans=Growing(store.bans, ban))
    connection.raw.close()


@pytest.mark.parametrize("top", [None, 10, 3, 1])
def test_bans_that_come_between_two_questions_are_not_counted_below_zero(growing, top):
    """A server answers each question by what it is then."""
    selection = Selection()
    first = history.summarise_bans(
        history.read_bans(growing, selection, "ip", top, 0.0), selection, "ip", top, 0.0
    )

    shown = sum(row.count for row in first.rows)
    assert first.total == shown + first.other
    assert first.other == (0 if top in (None, 10) else first.total - shown)
    assert first.other >= 0


@pytest.mark.parametrize(("limit_rows", "left_out"), [(10, 0), (2, 2)])
def test_bans_that_come_between_two_questions_are_not_left_out_of_all(growing, limit_rows, left_out):
    """Where all fit, none is."""
    bans, counted = history.read_newest(growing, EVERY_BAN, limit_rows)

    assert (len(bans), counted) == (min(limit_rows, 3), left_out)
