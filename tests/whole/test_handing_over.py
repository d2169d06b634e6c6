"""What is exported and imported again is what there was: the backup, and the way to another database."""

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from conftest import Bangui
from hypothesis import given, settings
from hypothesis import strategies as st

from bangui_cli.access.staging import open_staging
from bangui_cli.importing.history import BanStaging, HistoryImport
from bangui_cli.reporting import rows
from bangui_cli.rules import timestamps
from bangui_cli.rules.ban import KeptBan
from bangui_cli.store import open_handover

END_OF_9999_S = 253_402_300_799
OLD, NEW = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"
CACHED = "INSERT INTO geo_cache VALUES (?, ?, ?, ?, ?, ?, NULL)"
DIRTY = "INSERT INTO geo_cache_dirty VALUES (?, ?, ?, ?, ?, ?)"
BAN = "INSERT INTO ban_history VALUES (?, ?, ?, ?, ?, ?, ?)"

# Apostrophes, formulas, separators, quotes, and what looks like a number of a network.
NASTY = [
    "=1+1", "'=1", "''@x", "a;=1", 'A, "B"', "AS64496 Example", "AS1", "-x", "'", "Côte d'Ivoire",
    "a\u2028b", "x" * 200, "+", "  =1", "NULL", "null", "0", "1.0", "true",
]  # fmt: skip


@pytest.fixture
def other(tmp_path, initialised):
    """Another database to hand things over to."""
    home = tmp_path / "other"
    home.mkdir()
    bangui = Bangui(home)
    shutil.copy(initialised, bangui.database)
    return bangui


def _export(bangui, *arguments):
    return bangui.ok("export", *arguments).stdout


def _entries(bangui):
    return [json.loads(line) for line in _export(bangui).splitlines()]


def _clean(text):
    return " ".join(text.split())


def _fill(bangui):
    """Cache, stage, and cache as another program does."""
    times = [f"2026-01-{day:02}T00:00:00.000Z" for day in range(1, len(NASTY) + 1)]
    for number, (text, time) in enumerate(zip(map(_clean, NASTY), times, strict=True)):
        bangui.execute(
            CACHED,
            f"192.0.2.{number}",
            "DE" if number % 3 else None,
            text if number % 3 else None,
            None,
            text,
            time,
        )
        bangui.execute(DIRTY, f"198.51.100.{number}", "FR", None, f"AS{number + 1}", text, time)
    bangui.execute(CACHED, "203.0.113.1", "DE", "Germany", None, None, NEW)
    bangui.execute(DIRTY, "203.0.113.1", None, None, "AS1", None, OLD)
    bangui.execute(CACHED, "2001:DB8::1", "fr", "", "", "", "2026-01-05 00:00:00")
    bangui.execute(CACHED, "2001:db8::1", None, None, "AS5", "Five", "1767312000")
    bangui.execute(CACHED, "::ffff:192.0.2.200", "UK", None, None, None, OLD)


@pytest.mark.parametrize("layout", ["jsonl", "csv"])
def test_a_cache_that_was_handed_over_tells_the_same(bangui, other, layout):
    """Whatever texts there are, whoever wrote them, flushed or still dirty."""
    _fill(bangui)

    imported = other.ok("import", "--json", input=_export(bangui, "--format", layout)).json
    dirty = _entries(other)
    other.ok("flush")

    assert _entries(bangui) == dirty == _entries(other)
    assert (imported["rejected"], imported["read"]) == (0, 2 * len(NASTY) + 3)


def test_the_cache_is_what_lookup_tells(bangui):
    """Halves merged, spellings united, codes and times in normal form; a name that is missing stays so."""
    _fill(bangui)
    exported = {entry["ip"]: entry for entry in _entries(bangui)}

    looked_up = bangui.ok("lookup", *exported, "--json").json

    for told in looked_up:
        expected = exported[told["ip"]]
        named = {"country_name"} if expected["country_name"] is None else set()
        assert {key: told[key] for key in expected.keys() - named} == {
            key: value for key, value in expected.items() if key not in named
        }
    assert exported["2001:db8::1"] == {
        "ip": "2001:db8::1", "country_code": "FR", "country_name": None, "asn": "AS5", "org": "Five",
        "resolved_at": "2026-01-05T00:00:00.000Z",
    }  # fmt: skip
    assert exported["203.0.113.1"]["asn"] == "AS1"
    assert exported["192.0.2.200"]["country_code"] == "GB"


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_terminal_obeys_nothing_of_an_export(bangui, form):
    """A jail's name, or another program's row, may clear the screen, or turn the text around."""
    hostile = "a\x1b[2J\x9b2J\u202eb\u2028\U000e0041\rZürich"
    bangui.execute(BAN, "web1", hostile, "192.0.2.1", OLD, 600, 1, None)

    code, shown = bangui.on_terminal("export", "history", "--format", form)

    assert code == 0
    assert all(character.isprintable() or character == "\n" for character in shown), ascii(shown)
    assert "Zürich" in shown
    assert form == "csv" or json.loads(shown) == json.loads(_export(bangui, "history"))


_names = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=9
)
_bans = st.builds(
    KeptBan,
    instance=_names,
    jail=_names | st.just(""),
    ip=st.sampled_from(["192.0.2.1", "2001:db8::/32", "::1"]),
    banned_at=st.floats(0, END_OF_9999_S).map(timestamps.to_text),
    bantime_s=st.sampled_from([-2, -1, 0, 600, 2**62]),
    bancount=st.integers(0, 9),
    failures=st.none() | st.integers(0, 9),
)


histories = st.lists(_bans, max_size=5, unique_by=lambda ban: ban[:4])


class _Quiet:
    def hide(self): ...
    def update(self, done): ...
    def emit(self, *_, **__): ...
    def flush(self): ...

    def add(self, raw, value):
        raise AssertionError(raw)


def take_in(database, text, source):
    """Import a history into a database, by way of a file."""
    source.write_bytes(text)
    with open_staging(str(database), open_handover) as store:
        from bangui_cli.importing.sources import Source

        quiet = _Quiet()
        work = HistoryImport(BanStaging(store), quiet, quiet, quiet, in_bytes=False)
        work.run([Source(str(source))], "auto")


@settings(max_examples=30)
@given(
    bans=histories,
    layout=st.sampled_from(list(rows.LAYOUTS)),
)
def test_a_history_that_was_handed_over_is_the_same(initialised, tmp_path_factory, bans, layout):
    """To the last character of every name of a jail, as a file of either form, also what is yet to come."""
    one, two = (tmp_path_factory.mktemp("history") / "bangui.db" for _ in range(2))
    for path in (one, two):
        shutil.copy(initialised, path)
    with closing(sqlite3.connect(one, isolation_level=None)) as connection:
        connection.executemany(BAN, bans)
    with open_handover(str(one)) as store:
        text = b"".join(rows.LAYOUTS[layout](KeptBan._fields, store.export_history("")))

    if bans:
        take_in(two, text, two.with_suffix(".input"))

    with open_handover(str(two)) as store:
        assert sorted(bans, key=lambda ban: (ban.banned_at, *ban[:3])) == list(store.export_history(""))


def test_a_history_goes_by_the_two_commands(bangui, other):
    """And importing it twice is harmless; what comes later counts."""
    for number in range(5):
        bangui.execute(BAN, "web1", "sshd", f"192.0.2.{number}", OLD, 600, 1, None)
    exported = _export(bangui, "history")
    other.execute(BAN, "web1", "sshd", "192.0.2.1", OLD, -1, 3, 7)

    for _ in range(2):
        told = other.ok("import", "--history", "--json", input=exported).json

    assert {key: told[key] for key in ("read", "staged", "rejected")} == {
        "read": 5,
        "staged": 5,
        "rejected": 0,
    }
    assert _export(other, "history") == exported
    corrected = (
        exported.splitlines()[2].replace("600", "900")
        + "\n"
        + exported.splitlines()[2].replace("600", "-1")
    )
    other.ok("import", "--history", input=corrected)
    assert [json.loads(line)["bantime_s"] for line in _export(other, "history").splitlines()] == [
        600,
        600,
        -1,
        600,
        600,
    ]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"jail": None}, "jail: not a text"),
        ({"instance": ""}, "instance: empty"),
        ({"ip": "web1"}, "ip: not an IP address"),
        ({"ip": "192.0.2.0/33"}, "ip: not a network"),
        ({"banned_at": None}, "banned_at: not a time in ISO 8601 or seconds since 1970"),
        ({"banned_at": "yesterday"}, "banned_at: not a time in ISO 8601 or seconds since 1970"),
        ({"banned_at": -5}, "banned_at: not a time in ISO 8601 or seconds since 1970"),
        ({"banned_at": 1e12}, "banned_at: not a time in ISO 8601 or seconds since 1970"),
        ({"bantime_s": "long"}, "bantime_s: not a whole number"),
        ({"bancount": 1.5}, "bancount: not a whole number"),
        ({"failures": 2**64}, "failures: not a whole number"),
        ({"failures": True}, "failures: not a whole number"),
    ],
)  # fmt: skip
def test_a_ban_that_makes_no_sense_is_rejected(bangui, fault, reason):
    """As import does: the others are taken, each bad one is told of and kept, exit 65."""
    good = {
        "instance": "web1",
        "jail": "sshd",
        "ip": "192.0.2.1",
        "banned_at": OLD,
        "bantime_s": "600.0",
    }
    lines = [json.dumps(row) for row in (good, {**good, **fault})]

    ended = bangui.run("import", "--history", "--rejects", bangui.home / "bad", input="\n".join(lines))

    assert ended.code == 65
    assert (ended.events[0]["line"], ended.events[0]["reason"]) == (2, reason)
    assert ended.events[-1]["hint"].startswith("the others are recorded; ")
    assert (bangui.home / "bad").read_text() == lines[1] + "\n"
    assert bangui.rows("SELECT * FROM ban_history") == [("web1", "sshd", "192.0.2.1", OLD, 600, 1, None)]


def test_who_mistakes_the_cache_for_the_history_is_told(bangui):
    """Of a row of the one the other could use nothing."""
    bangui.execute(CACHED, "192.0.2.1", "DE", None, None, None, OLD)

    ended = bangui.run("import", "--history", input=_export(bangui))

    assert ended.code == 65
    assert "export history" in ended.events[-1]["hint"]


@pytest.mark.parametrize("layout", ["jsonl", "csv"])
def test_who_mistakes_the_history_for_the_cache_is_told(bangui, layout):
    """Its rows have an address, and would count as failed resolutions without a word of the option."""
    bangui.execute(BAN, "web1", "sshd", "192.0.2.1", OLD, 600, 1, None)

    (warning,) = bangui.ok("import", input=_export(bangui, "history", "--format", layout)).events

    assert warning["event"] == "import_fields_unknown"
    assert warning["hint"].endswith("is read with --history")


def test_since_goes_by_the_time_of_what_counts(bangui):
    """A dirty row that is newer brings an old address back in; one that loses does not."""
    bangui.execute(CACHED, "192.0.2.1", "DE", None, None, None, OLD)
    bangui.execute(CACHED, "192.0.2.2", "DE", None, "AS1", None, OLD)
    bangui.execute(DIRTY, "192.0.2.2", "FR", None, None, None, NEW)
    bangui.execute(CACHED, "192.0.2.3", "DE", None, "AS1", None, OLD)
    bangui.execute(DIRTY, "192.0.2.3", None, None, None, None, NEW)
    bangui.execute(CACHED, "192.0.2.4", "DE", None, None, None, NEW)
    bangui.execute(DIRTY, "192.0.2.4", None, None, "AS4", None, OLD)
    bangui.execute(CACHED, "2001:DB8::1", "DE", None, None, None, NEW)
    bangui.execute(CACHED, "2001:db8::1", None, None, "AS5", None, OLD)
    for day, time in enumerate((OLD, NEW)):
        bangui.execute(BAN, "web1", "sshd", f"192.0.2.{day}", time, 600, 1, None)

    found = [json.loads(line) for line in _export(bangui, "--since", "2026-01-15").splitlines()]
    bans = _export(bangui, "history", "--since", NEW).splitlines()

    halves = {entry["ip"]: (entry["country_code"], entry["asn"]) for entry in found}
    assert halves == {
        "192.0.2.2": ("FR", "AS1"),
        "192.0.2.4": ("DE", "AS4"),
        "2001:db8::1": ("DE", "AS5"),
    }
    assert [json.loads(ban)["ip"] for ban in bans] == ["192.0.2.1"]
    assert _export(bangui, "--since", "1h") == ""


def test_a_spreadsheet_runs_nothing(bangui):
    """Each text is quoted, and each cell that begins like a formula is led by an apostrophe."""
    bangui.execute(CACHED, "192.0.2.1", "DE", "=cmd", None, "x;=1", OLD)

    header, line = _export(bangui, "--format", "csv").splitlines()

    assert header == '"ip","country_code","country_name","asn","org","resolved_at"'
    assert line == f'"192.0.2.1","DE","\'=cmd","","x;\'=1","{OLD}"'
    assert next(csv.DictReader(io.StringIO(f"{header}\n{line}")))["org"] == "x;'=1"


def test_a_file_is_new_private_and_whole_or_not_there(bangui):
    """Addresses are nobody else's business; a failure leaves what was there before."""
    bangui.execute(CACHED, "192.0.2.1", "DE", None, None, None, OLD)
    path = bangui.home / "cache.jsonl"
    path.write_text("before")
    path.chmod(0o644)
    missing = bangui.run("export", "--output", path, "--database", bangui.home / "missing.db")

    assert (missing.code, path.read_text()) == (66, "before")
    bangui.ok("export", "--output", path)
    assert (json.loads(path.read_text())["ip"], path.stat().st_mode & 0o777) == ("192.0.2.1", 0o600)
    assert sorted(entry.name for entry in bangui.home.iterdir()) == ["bangui.db", "cache.jsonl"]
    over = bangui.run("export", "--output", bangui.database)
    assert over.code == 2


MANY = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO geo_cache
SELECT format('10.%d.%d.%d', i >> 16, (i >> 8) & 255, i & 255), 'DE', 'Germany', 'AS1', NULL, ?, NULL FROM n"""


def test_a_slow_reader_holds_nobody_up_and_gets_one_state(bangui):
    """A pager that stands still must not keep the flush from its commit."""
    bangui.execute(MANY, 50_000, OLD)
    export = bangui.start("export")
    first = os.read(export.stdout.fileno(), 1)  # the pipe is full, and the export waits

    bangui.ok("add", "10.0.0.1", "--country-code", "FR")
    bangui.ok("flush", "--timeout", "5")
    bangui.ok("prune", "--cache-age", "1s", "--timeout", "20")

    assert export.poll() is None
    ended = bangui.end(export)
    entries = [json.loads(line) for line in (first.decode() + ended.stdout).splitlines()]
    assert ended.code == 0
    assert len(entries) == 50_000
    assert {entry["country_code"] for entry in entries} == {"DE"}


def test_a_reader_that_leaves_is_no_failure(bangui):
    """As `export | head` does."""
    bangui.execute(MANY, 50_000, OLD)

    shell = f"{sys.executable} -m bangui_cli export | head -1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", shell], env=bangui.environment, capture_output=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, b"")


def test_an_export_of_nothing_is_empty(bangui):
    """JSON Lines without a line; a table has its header all the same."""
    assert _export(bangui) == _export(bangui, "history") == ""
    assert _export(bangui, "history", "--format", "csv").count("\n") == 1


def test_a_row_without_a_time_is_older_than_all_others(bangui, other):
    """In the copy it must not win against what is known there."""
    bangui.execute(CACHED, "192.0.2.1", "DE", None, None, None, "nonsense")
    other.ok("add", "192.0.2.1", "--country-code", "FR", "--resolved-at", OLD)

    other.ok("import", input=_export(bangui))

    assert [entry["country_code"] for entry in _entries(other)] == ["FR"]
