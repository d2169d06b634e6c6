"""fail2ban's database is read in one short fetch, in every state it may be in."""

import os
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing, contextmanager
from functools import partial

import geoip
import others
import pytest
from hypothesis import given
from hypothesis import strategies as st
from others import give, needs_root

from bangui_cli.fail2ban import counting, pieces, reading
from bangui_cli.fail2ban import database as fail2ban
from bangui_cli.fail2ban.addresses import first_address
from bangui_cli.fail2ban.bans import read_page
from bangui_cli.host import signals
from bangui_cli.rules.validation import Rejected
from bangui_cli.rules.watermark import Mark
from bangui_cli.states.errors import DatabaseBusy, Interrupted, NotADatabase, Untrusted

NOW_S = 1_790_000_000
BANS = [
    ("sshd", "192.0.2.1", NOW_S - 10, 600), ("sshd", "192.0.2.1", NOW_S - 5000, 600),
    ("web", "192.0.2.1", NOW_S - 20, 600), ("web", "192.0.2.2", NOW_S - 5000, 600),
    ("sshd", "192.0.2.3", "no time", 600),
]  # fmt: skip
BIPS = [
    ("sshd", "192.0.2.1", NOW_S - 10, 600), ("web", "192.0.2.1", NOW_S - 20, 600),
    ("web", "192.0.2.2", NOW_S - 5000, 600), ("web", "192.0.2.4", NOW_S - 10**7, -1),
    ("sshd", "192.0.2.5", NOW_S - 10**7, -2),
]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    """Make a database with bans of two jails, old and new, and of a time that is none."""
    return str(geoip.write_fail2ban(tmp_path / "f2b.sqlite3", BANS, BIPS))


def asked_of(jail=None, since_s=None, until_s=None):
    return counting.Asked(() if jail is None else (jail,), since_s, until_s)


def count_active(path, **asked):
    found = counting.list_active(path, NOW_S, asked_of(**asked))
    return Counter(ip for ip, _ in found)


def alter(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_every_address_is_remembered_once(path):
    """Those of the history, and those of which only a permanent ban is left."""
    assert sorted(fail2ban.read_addresses(path)) == [f"192.0.2.{n}" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({}, {1: 3, 2: 1, 3: 1}),
        ({"jail": "sshd"}, {1: 2, 3: 1}),
        ({"since_s": NOW_S - 60}, {1: 2}),
        ({"since_s": NOW_S - 60, "jail": "web"}, {1: 1}),
        ({"since_s": 0}, {1: 3, 2: 1}),
        ({"until_s": NOW_S - 60}, {1: 1, 2: 1}),
        ({"since_s": 0, "jail": "web"}, {1: 1, 2: 1}),
        ({"jail": "none"}, {}),
        ({"jail": "\udcff"}, {}),
    ],
)
def test_bans_are_counted_by_address(path, asked, counts):
    """Of one jail, or since a time; a time that is none is older than any."""
    assert counting.count_bans(path, asked=asked_of(**asked)) == {
        f"192.0.2.{n}": bans for n, bans in counts.items()
    }


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({}, {1: 2, 4: 1, 5: 1}),
        ({"jail": "web"}, {1: 1, 4: 1}),
        ({"since_s": NOW_S - 15}, {1: 1}),
        ({"jail": "\udcff"}, {}),
    ],
)
@pytest.mark.parametrize("piece_rows", [1, 2, 5, 20_000])
def test_bans_in_force_are_counted_by_address(path, asked, counts, piece_rows, monkeypatch):
    """Permanent ones, and those whose end fail2ban does not know, included."""
    monkeypatch.setattr(counting, "PIECE_ROWS", piece_rows)

    found = count_active(path, **asked)

    assert found == {f"192.0.2.{n}": bans for n, bans in counts.items()}


def test_a_ban_that_is_renewed_while_the_pieces_are_read_counts_once(path, monkeypatch):
    """fail2ban writes between two pieces, and what it writes goes to the end."""
    monkeypatch.setattr(counting, "PIECE_ROWS", 2)
    renewed = "REPLACE INTO bips (jail, ip, timeofban, bantime) VALUES ('{}', '192.0.2.{}', {}, 600)"
    meanwhile = [[("sshd", 1)], [("web", 2), ("sshd", 5)], [], [], []]

    @contextmanager
    def open_reading(path):
        with reading.open_reading(path) as state:
            yield state
        alter(path, *(renewed.format(*ban, NOW_S) for ban in meanwhile.pop(0)))

    monkeypatch.setattr(counting, "open_reading", open_reading)

    found = count_active(path)

    assert found == {"192.0.2.1": 2, "192.0.2.2": 1, "192.0.2.4": 1, "192.0.2.5": 1}


@pytest.mark.parametrize(
    ("asked", "moments"),
    [
        ({}, {1: (3, NOW_S - 5000, NOW_S - 10), 2: (1, NOW_S - 5000, NOW_S - 5000), 3: (1, None, None)}),
        ({"jail": "web"}, {1: (1, NOW_S - 20, NOW_S - 20), 2: (1, NOW_S - 5000, NOW_S - 5000)}),
        ({"since_s": NOW_S - 20}, {1: (2, NOW_S - 20, NOW_S - 10)}),
    ],
)
def test_an_address_has_a_first_and_a_last_ban(path, asked, moments):
    """A time that is none is a ban all the same."""
    found = counting.list_moments(path, asked_of(**asked))

    assert found == {f"192.0.2.{n}": values for n, values in moments.items()}


def test_several_jails_add_up(path):
    """Each once, also where it is named twice; the statements go along the index of one jail."""
    both = counting.Asked(("sshd", "web", "sshd"))

    assert counting.count_bans(path, asked=both) == counting.count_bans(path)
    assert counting.count_bans(path, counting.JAIL, both) == {"sshd": 3, "web": 2}
    assert counting.list_moments(path, both) == counting.list_moments(path)
    assert counting.list_active(path, NOW_S, both) == counting.list_active(path, NOW_S)


def test_bans_are_counted_by_the_quarter_of_an_hour(path):
    """Zones differ by quarters: whoever knows one adds them up to hours and days."""
    quarters = counting.count_bans(path, counting.TIME)

    expected = Counter(counting.quarter_s(at_s) for _, _, at_s, _ in BANS)
    assert quarters == expected
    assert quarters[None] == 1


def test_a_jail_is_found_by_its_bytes(path):
    """A name that is no UTF-8 reaches a command line as it stands in the database."""
    alter(path, "INSERT INTO bans VALUES (CAST(x'6aff' AS TEXT), '192.0.2.9', 1, 600, 1, NULL)")

    assert counting.count_bans(path, asked=asked_of(jail="j\udcff")) == {"192.0.2.9": 1}
    assert fail2ban.read_jails(path) == ["j\ufffd", "sshd", "web"]


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("2001:DB8::7/32", "2001:db8::"),
        ("2001:DB8::7/128", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7/120", "192.0.2.0"),
    ],
)
def test_a_network_is_looked_up_by_its_first_address(text, ip):
    """In the same normal form as an address."""
    assert first_address(text) == ip


@given(st.text() | st.from_regex(r"[0-9a-f.:]{1,40}/[0-9]{0,3}"))
def test_a_malformed_value_is_rejected_and_nothing_else(text):
    """An attacker chooses what a log line says."""
    try:
        assert first_address(first_address(text)) == first_address(text)
    except Rejected:
        pass


# Along fail2ban's own indexes.

TABLES_OF_A_READING = (
    "CREATE TABLE ends (number INTEGER PRIMARY KEY, timeofban, ip)",
    "CREATE TABLE timed (id INTEGER PRIMARY KEY, at_s)",
)


@pytest.mark.parametrize("of_jail", [False, True])
@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("by", [counting.ADDRESS, counting.JAIL, counting.TIME])
def test_the_history_is_counted_along_indexes_alone(path, by, of_jail, timed):
    """A row keeps the log lines that matched: to read 500,000 of them takes fail2ban's bans with it."""
    query = counting.history_query(by, of_jail=of_jail, timed=timed)
    history = [step for step in geoip.query_plan(path, query) if "TEMP B-TREE" not in step]
    others = geoip.query_plan(path, counting.others_query(of_jail=of_jail))

    assert all(" USING COVERING INDEX bans_" in step for step in history + others), history + others
    assert (len(history), len(others)) == (1 + (timed and by == counting.ADDRESS), 1)


@pytest.mark.parametrize("of_jail", [False, True])
@pytest.mark.parametrize("piece", [pieces.behind("ip"), pieces.between("ip")])
def test_the_moments_of_addresses_are_joined_from_two_indexes(path, of_jail, piece):
    """None has both: by the row that both name, they come together without the row itself."""
    by_time = pieces.between("timeofban")
    queries = [
        pieces.end_query("timeofban", [counting.OF_JAIL]),
        counting.time_query(by_time),
        counting.time_query(pieces.behind("timeofban")),
        pieces.end_query("ip", [counting.OF_JAIL] if of_jail else []),
        counting.moments_query(piece, of_jail=of_jail),
    ]
    alter(path, *TABLES_OF_A_READING)

    for query in queries:
        read = [step for step in geoip.query_plan(path, query) if " bans" in step]
        assert len(read) == 1
        assert read[0].startswith("SEARCH bans USING COVERING INDEX bans_"), read


def test_moments_are_listed_in_pieces_between_which_the_file_is_free(path, monkeypatch):
    """What is written meanwhile counts or not, and the rest is whole."""
    alter(path, f"INSERT INTO bans SELECT jail, ip, {NOW_S} - 7, bantime, 1, NULL FROM bans")
    expected = counting.list_moments(path)
    monkeypatch.setattr(pieces, "PIECE_ROWS", 1)
    rest, written = reading.Reading.rest, []

    def write(state):
        rest(state)
        written.append(len(written))
        values = f"'sshd', '198.51.100.{len(written)}', {NOW_S}, 600, 1, NULL"
        alter(path, "PRAGMA busy_timeout = 0", f"INSERT INTO bans VALUES ({values})")

    monkeypatch.setattr(reading.Reading, "rest", write)

    found = counting.list_moments(path)

    assert len(written) > 5
    assert {ip: found[ip] for ip in expected} == expected
    assert {values[0] for ip, values in found.items() if ip not in expected} <= {1}


@pytest.mark.parametrize("piece_rows", [1, 2, 3, 7, 5000])
def test_bans_of_no_address_have_their_moments(path, piece_rows, monkeypatch):
    """Whatever a column holds is behind one end and before the next."""
    monkeypatch.setattr(pieces, "PIECE_ROWS", piece_rows)
    for ip in ("NULL", "''", "x'ff'", "7", "'192.0.2.1'"):
        alter(path, f"INSERT INTO bans VALUES ('web', {ip}, {NOW_S}, 600, 1, NULL)")

    found = counting.list_moments(path)

    bans = {ip: moments.bans for ip, moments in found.items()}
    assert bans == counting.count_bans(path)
    assert bans | {None: 1, "": 1, "\ufffd": 1, "7": 1, "192.0.2.1": 4} == bans


def test_a_long_list_of_moments_takes_no_time_in_one_piece(path, monkeypatch):
    """On a busy machine the whole may take longer than fail2ban can wait."""
    monkeypatch.setattr(pieces, "PIECE_ROWS", 1)
    asked_s = []
    monkeypatch.setattr(reading, "_bound_time", asked_s.append)

    counting.list_moments(path)

    assert len(asked_s) > len(BANS)


@pytest.mark.parametrize(
    "query", [*fail2ban.ADDRESSES.values(), *fail2ban.JAILS.values()], ids=lambda query: query[7:40]
)
def test_what_has_no_other_columns_is_read_from_indexes_alone(path, query):
    """All that fail2ban remembers of addresses is in them."""
    assert " USING COVERING INDEX " in geoip.query_plan(path, query)[0]


def test_the_bans_of_many_jails_and_long_rows_are_counted_alike(tmp_path):
    """Whatever way SQLite takes, the answer is that of a count by hand."""
    bans = [
        (f"jail{n % 7}", f"192.0.2.{n % 50}", NOW_S - n, 600) for n in range(3000)
    ]  # fmt: skip
    path = str(geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans))
    alter(path, f"UPDATE bans SET data = '{'x' * 3000}'")
    since_s = NOW_S - 1500

    for jail in (None, "jail3"):
        wanted = {}
        for name, ip, at_s, _ in bans:
            if at_s >= since_s and jail in (None, name):
                wanted[ip] = wanted.get(ip, 0) + 1
        assert counting.count_bans(path, asked=asked_of(jail, since_s)) == wanted


def test_the_latest_bans_are_read_along_their_rows(path):
    """Their ends are in no index: each page is read once, in the order of the disk."""
    for of_jail in (False, True):
        query = counting.active_query(of_jail=of_jail, timed=True)
        assert geoip.query_plan(path, query) == ["SEARCH bips USING INTEGER PRIMARY KEY (rowid>?)"]


# How long, and how much.


def test_a_read_that_takes_too_long_is_given_up(path, monkeypatch):
    """After 5 s fail2ban would lose a ban: a database too big for that is not read to the end."""
    monkeypatch.setattr(reading, "_LIMIT_S", 0.0)
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
    alter(path, f"INSERT INTO bans {numbers} SELECT 'sshd', 'x' || i, 1, 600, 1, NULL FROM n")

    with pytest.raises(DatabaseBusy, match="would lose bans"):
        fail2ban.read_addresses(path)


def test_reading_leaves_the_file_free(tmp_path):
    """A writer gets in at once while what was read is still in use."""
    bans = [("sshd", f"192.0.2.{n}", 1, 600) for n in range(250)]
    path = geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans)

    addresses = iter(fail2ban.read_addresses(str(path)))
    next(addresses)

    writer = sqlite3.connect(path, timeout=0)
    writer.execute("BEGIN EXCLUSIVE")
    writer.close()
    assert len(list(addresses)) == 249


@pytest.mark.parametrize("most", [10, 20])
def test_more_rows_than_any_server_bans_are_given_up(tmp_path, monkeypatch, most):
    """A table may be made so that it has no end."""
    bans = [("sshd", f"192.0.2.{n}", NOW_S, 600) for n in range(15)]
    path = str(geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans, bans))
    for module in (reading, counting):
        monkeypatch.setattr(module, "MOST_ROWS", most)
    monkeypatch.setattr(counting, "PIECE_ROWS", 5)

    for read in (
        fail2ban.read_addresses,
        counting.count_bans,
        partial(counting.list_active, now_s=1),
    ):
        if most > len(bans):
            assert len(read(path)) == len(bans)
        else:
            with pytest.raises(NotADatabase, match=f"more than {most} bans"):
                read(path)


def test_a_value_longer_than_any_address_is_not_taken_into_memory(path):
    """An honest row with long matches is read all the same: they stay where they are."""
    alter(
        path,
        f"UPDATE bips SET data = '{'x' * 3_000_000}'",
        f"UPDATE bans SET data = '{'x' * 3_000_000}'",
    )
    assert len(fail2ban.read_addresses(path)) == 5
    assert len(count_active(path)) == 3

    alter(path, "INSERT INTO bans VALUES ('sshd', CAST(zeroblob(2000000) AS TEXT), 1, 600, 1, NULL)")
    with pytest.raises(NotADatabase, match="longer than any address"):
        fail2ban.read_addresses(path)


def test_what_stands_around_rows_that_are_too_long_is_read(tmp_path, monkeypatch):
    """In a few pages: the rows that are fetched together with one of those come again."""
    monkeypatch.setattr("bangui_cli.fail2ban.bans._HOLD_S", 30.0)
    bans = [("sshd", f"192.0.2.{n}", NOW_S, 600) for n in range(100)]
    path = str(geoip.write_fail2ban(tmp_path / "f2b.sqlite3", bans, []))
    alter(
        path,
        """UPDATE bans SET data = '{"failures": 5}'""",
        f"UPDATE bans SET data = '{'x' * 3_000_000}' WHERE rowid IN (50, 51)",
    )
    pages = [read_page(path, Mark())]
    while not pages[-1].is_last:
        pages.append(read_page(path, pages[-1].mark))

    rows = [row for page in pages for row in page.bans]
    assert [row[1] for row in rows] == [ip.encode() for _, ip, *_ in bans]
    assert [row[5] for row in rows] == [5] * 49 + [None] * 2 + [5] * 49
    assert len(pages) < 12


def test_nonsense_leaves_the_file_cut(path):
    """So many of them would fill the memory; a thousand characters are no address either way."""
    alter(path, f"INSERT INTO bans VALUES ('sshd', '{'x' * 100_000}', 1, 600, 1, NULL)")

    assert "x" * 64 in fail2ban.read_addresses(path)


# What the file may be.

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'a' jail, i ip, 1 timeofban, 1 bantime FROM n"
TABLES_IN_PLACE = {
    "a view": ["DROP TABLE bans", f"CREATE VIEW bans AS {ENDLESS}"],
    "a view of blobs": [
        "DROP TABLE bans",
        "CREATE VIEW bans AS SELECT 'a' jail, zeroblob(300000000) ip, 1 timeofban, 1 bantime FROM bips",
    ],
    "a virtual table": [
        "DROP TABLE bips", "CREATE VIRTUAL TABLE bips USING fts5 (jail, ip, timeofban, bantime)",
    ],
    "a generated column": [
        "DROP TABLE bans",
        "CREATE TABLE bans (jail, timeofban, bantime, ip AS (zeroblob(300000000)))",
    ],
    "a column that is missing": ["DROP TABLE bips", "CREATE TABLE bips (ip, jail, timeofban)"],
    "a table that is missing": ["DROP TABLE bips"],
    "a pragma of its own": [
        "DROP TABLE bans", f"CREATE VIEW bans AS {ENDLESS}",
        "CREATE TABLE pragma_table_xinfo (name, hidden)",
    ],
}  # fmt: skip


@pytest.mark.parametrize("statements", TABLES_IN_PLACE.values(), ids=TABLES_IN_PLACE.keys())
def test_only_real_tables_are_read(path, statements):
    """Whoever may write the file could let any statement run in their place, without an end."""
    alter(path, *statements)
    began_s = time.monotonic()

    asked = (fail2ban.read_addresses, counting.count_bans, counting.list_moments, fail2ban.read_jails)
    for read in (*asked, partial(counting.list_active, now_s=NOW_S)):
        with pytest.raises(NotADatabase, match=r"fail2ban 0\.11 or later \(its ba|its bips\)"):
            read(path)

    assert time.monotonic() - began_s < 3


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
@pytest.mark.parametrize("linked", [False, True])
def test_a_sidecar_that_is_no_regular_file_is_refused(path, tmp_path, suffix, linked):
    """SQLite would wait for the writer of a named pipe, and no signal would reach it."""
    os.mkfifo(path + suffix)
    if linked:
        (tmp_path / "link").symlink_to(path)
        path = str(tmp_path / "link")

    with pytest.raises(NotADatabase, match=f"{suffix} is no regular file"):
        fail2ban.read_addresses(path)


def test_a_sidecar_that_is_a_link_is_refused(path):
    """Also one that leads nowhere."""
    os.symlink("/nowhere", f"{path}-journal")

    with pytest.raises(NotADatabase, match="-journal is no regular file"):
        counting.count_bans(path)


@pytest.mark.parametrize(
    ("pragma", "value"), [("trusted_schema", 0), ("cell_size_check", 1), ("temp_store", 2)]
)
def test_nothing_in_the_file_is_trusted(path, pragma, value):
    """Nor is a directory for temporary files wanted, which a read-only root may lack."""
    with reading.open_reading(path) as state:
        assert state.fetch(f"PRAGMA {pragma}") == [(value,)]


@needs_root
def test_root_gives_no_file_away_beside_a_database_in_another_users_directory():
    """SQLite gives a -shm to the owner of the database, and cuts it: another file may have that name."""
    with others.open_place() as place:
        path = geoip.write_fail2ban(place / "f2b.sqlite3", BANS, BIPS)
        alter(str(path), "PRAGMA journal_mode = WAL")
        victim = place / "victim"
        victim.write_text("secret")
        os.link(victim, f"{path}-shm")
        give(place)
        with pytest.raises(Untrusted):
            fail2ban.read_addresses(str(path))
        assert (victim.read_text(), victim.stat().st_uid) == ("secret", 0)


def test_a_signal_that_comes_while_sqlite_calls_back_ends_the_reading(path, monkeypatch):
    """What a handler raises there is lost: the query fails as one that takes too long, exit 75."""
    come = signals.interrupted(signal.SIGTERM)

    def handle():
        monkeypatch.setattr(signals, "_come", come)
        raise come

    def read():
        with reading.open_reading(path) as opened:
            opened._connection.set_progress_handler(handle, 10)
            opened.fetch(f"SELECT count(*) FROM ({ENDLESS})")

    with pytest.raises(Interrupted) as end:
        read()
    assert end.value.exit_code == 143
