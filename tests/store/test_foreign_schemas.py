"""What another hand put in the place of bangui's tables is 65 and named: not run, not a bug, not for `init`."""

import signal
import sqlite3
import threading
import time
from contextlib import closing

import banguis
import pytest
from invariants import check_run
from simulation import Machine

from bangui_cli.host import clocks, signals
from bangui_cli.states.errors import ForeignSchema, Interrupted
from bangui_cli.store.sqlite import session, shapes
from bangui_cli.store.sqlite.session import Session
from bangui_cli.store.sqlite.shapes import Part

EVERY_TABLE = ("flush",), ("status",), ("init",), ("doctor",), ("status", "--format", "prometheus")
OTHERS = ("heartbeat",), ("add", "192.0.2.9"), ("lookup", "192.0.2.9"), ("lock", "show"), ("report",)

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"


def in_place_of(table, made):
    return f"DROP TABLE {table}; {made}"


def view(table):
    return in_place_of(table, f"CREATE VIEW {table} AS {ENDLESS}")


def trigger(table):
    return f"CREATE TRIGGER hook AFTER UPDATE ON {table} BEGIN INSERT INTO other {ENDLESS}; END"


CACHE = "country_code, country_name, asn, org"
LOCK = "pid, hostname, created_at, heartbeat_at, heartbeat_timeout"
FOREIGN = {
    **{f"{table} is a view": view(table) for table in shapes.REQUIRED_COLUMNS},
    **{f"the trigger hook stands on {table}": trigger(table) for table in shapes.REQUIRED_COLUMNS},
    "geo_cache_dirty is a virtual table": in_place_of(
        "geo_cache_dirty", f"CREATE VIRTUAL TABLE geo_cache_dirty USING fts5 (ip, {CACHE}, resolved_at)"
    ),
    "geo_cache.asn is a generated column": in_place_of(
        "geo_cache", "CREATE TABLE geo_cache (ip PRIMARY KEY, cached_at, asn AS (1))"
    ),
    "geo_cache.cached_at is a generated column": in_place_of(
        "geo_cache", "CREATE TABLE geo_cache (ip PRIMARY KEY, cached_at AS ('2026-01-01') STORED)"
    ),
    "scheduler_lock.token is a generated column": in_place_of(
        "scheduler_lock", f"CREATE TABLE scheduler_lock (id INTEGER PRIMARY KEY, {LOCK}, token AS (1))"
    ),
    "ip is not the primary key of geo_cache": in_place_of(
        "geo_cache", "CREATE TABLE geo_cache (ip, cached_at)"
    ),
    "id is not the primary key of scheduler_lock": in_place_of(
        "scheduler_lock", f"CREATE TABLE scheduler_lock (id, {LOCK})"
    ),
    "job_id, instance is not the primary key of job_state": "ALTER TABLE job_state RENAME TO old;"
    "CREATE TABLE job_state AS SELECT * FROM old",
    "geo_cache_dirty has no column country_code": in_place_of(
        "geo_cache_dirty", "CREATE TABLE geo_cache_dirty (ip TEXT PRIMARY KEY, cc TEXT)"
    ),
    "job_state has no column last_started_at": in_place_of(
        "job_state", "CREATE TABLE job_state (job_id PRIMARY KEY)"
    ),
    "_sqlite_migrations has no column migration_set": in_place_of(
        "_sqlite_migrations", "CREATE TABLE _sqlite_migrations (id, name)"
    ),
}


def change(machine, script):
    with closing(sqlite3.connect(machine.database)) as connection:
        for name in ("foo", "bar"):
            connection.create_function(name, -1, lambda *_: 1, deterministic=True)
        connection.create_collation("nowhere", lambda one, other: (one > other) - (one < other))
        connection.executescript(script)


@pytest.fixture
def machine():
    """Run bangui in this process; deadlines are in real time."""
    # What is undone last is what was patched first: else the machine's clock would stay behind.
    with Machine() as machine, pytest.MonkeyPatch.context() as patch:
        machine.monotonic_s = time.monotonic()
        patch.setattr(clocks, "monotonic_s", time.monotonic)
        assert machine.run("init").code == 0
        assert machine.run("add", "192.0.2.1").code == 0
        yield machine


@pytest.mark.parametrize("fault", FOREIGN)
def test_what_stands_in_the_place_of_a_table_is_named(machine, fault):
    """By every command; nothing is changed, and the views and triggers here would have no end."""
    change(machine, FOREIGN[fault])
    before = machine.database.read_bytes()

    for command in (*EVERY_TABLE, *OTHERS):
        outcome = machine.run(*command)
        check_run(outcome.code, outcome.stderr)
        said = outcome.stderr + outcome.stdout
        assert (outcome.code, fault in said) == (65, True), (command, outcome)
        assert ".schema" in said
    assert machine.database.read_bytes() == before


def test_a_name_in_other_letters_is_the_same_name(machine):
    """SQLite does not mind the case of names."""
    change(machine, "CREATE TRIGGER Hook AFTER UPDATE ON GEO_CACHE BEGIN SELECT 1; END")

    assert "the trigger Hook stands on geo_cache" in machine.run("status").stderr
    change(machine, f"DROP TRIGGER hook; DROP TABLE geo_cache; CREATE VIEW Geo_Cache AS {ENDLESS}")
    assert "geo_cache is a view" in machine.run("status").stderr


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("ip TEXT PRIMARY KEY CHECK (foo(ip)), cached_at TEXT", "foo()"),
        ("ip TEXT COLLATE nowhere PRIMARY KEY, cached_at TEXT", "nowhere"),
        ("ip TEXT PRIMARY KEY, cached_at TEXT DEFAULT (foo()), x AS (bar(ip)) STORED", "bar"),
        ("ip TEXT PRIMARY KEY, cached_at TEXT CHECK (length(randomblob(2000000000)) > 0)", "too big"),
    ],
)
def test_what_only_another_program_can_run_is_named(machine, made, words):
    """Its functions and collations are not here: neither a bug, nor a table that `init` could make."""
    change(machine, in_place_of("geo_cache", f"CREATE TABLE geo_cache (last_seen, {CACHE}, {made})"))

    outcome = machine.run("flush")

    assert (outcome.code, words in outcome.stderr) == (65, True), outcome
    assert ".schema" in outcome.stderr


def test_a_database_of_bangui_is_none_of_that(machine):
    """Its tables differ: with a rowid, not strict, with columns of its own, generated ones, indexes."""
    change(machine, "DROP TABLE geo_cache; DROP TABLE scheduler_lock;" + banguis.TABLES)
    change(machine, "CREATE INDEX by_country ON geo_cache (country_code);")
    change(machine, "ALTER TABLE geo_cache ADD COLUMN asn_number AS (substr(asn, 3))")
    change(machine, "CREATE TABLE log (x); CREATE TRIGGER t AFTER INSERT ON log BEGIN SELECT 1; END")
    change(machine, "CREATE VIEW by_country_view AS SELECT country_code, count(*) FROM geo_cache")

    assert machine.run("status").code == 66
    assert machine.run("init").code == 0
    assert machine.run("flush", "--json").json["flushed"] == 1
    assert machine.run("status").code == 0


def test_a_fresh_database_has_all_that_is_required_and_nothing_else(machine):
    """What the tables are checked for follows what they are made of."""
    parts = [Part(*row) for row in machine.rows(shapes.READ_SHAPE)]
    found = {(part.table, part.column) for part in parts} - {("_sqlite_migrations", "id")}
    required = set(shapes.LATER_KEYS.items()) | {
        (table, column)
        for columns_of in (shapes.REQUIRED_COLUMNS, shapes.ADDED_COLUMNS)
        for table, columns in columns_of.items()
        for column in columns
    }

    [(tables,)] = machine.rows(
        "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite#_%' ESCAPE '#'"
    )

    assert found == required
    assert set(tables.split(",")) == set(shapes.REQUIRED_COLUMNS)
    assert (shapes.find_foreign(parts), shapes.find_missing(parts)) == (None, None)


def test_what_came_between_check_and_use_ends_too(machine, monkeypatch):
    """A trigger without an end, set after the schema was looked at, costs CPU time, not for ever."""
    monkeypatch.setattr(session, "ENDLESS_CPU_S", 0.3)
    change(machine, "CREATE TABLE other (x)")
    statements = []

    def set_trigger(number):
        statements.append(number)
        if number == 7:  # the schema has been looked at
            change(machine, trigger("geo_cache_dirty").replace("UPDATE", "INSERT"))

    machine.on_statement(set_trigger)
    outcome = machine.run("add", "192.0.2.2")

    assert (outcome.code, "has kept one statement busy" in outcome.stderr) == (65, True), outcome
    assert machine.rows("SELECT count(*) FROM geo_cache_dirty") == [(1,)]


def test_a_long_statement_ends_with_a_signal(machine, monkeypatch):
    """What a handler raises while SQLite calls back is lost there: the statement fails, as by itself."""
    monkeypatch.setattr(signals, "_react", signals._raise)
    monkeypatch.setattr(signals, "_come", None)
    before = signal.signal(signal.SIGTERM, signals._handle)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGTERM])
    try:
        with Session(str(machine.database)) as opened:
            timer.start()
            with pytest.raises(Interrupted) as end:
                opened._all(f"SELECT count(*) FROM ({ENDLESS})")
    finally:
        timer.join()
        signal.signal(signal.SIGTERM, before)

    assert end.value.exit_code == 143


def test_an_endless_statement_is_told_from_a_long_one(machine, monkeypatch):
    """By its own CPU time: many statements may take long together."""
    with Session(str(machine.database)) as opened:
        monkeypatch.setattr(session, "ENDLESS_CPU_S", 0.2)
        for _ in range(8):
            opened._all(f"SELECT count(*) FROM ({ENDLESS} LIMIT 300000)")
        with pytest.raises(ForeignSchema):
            opened._all(f"SELECT count(*) FROM ({ENDLESS})")


MOMENTS = [
    1764000000,
    1764000000.25,
    "2025-11-24T16:00:00Z",
    "yesterday",
    b"\xff",
    -1,
    1e300,
    2**63 - 1,
    "",
    None,
]


@pytest.mark.parametrize("value", MOMENTS)
def test_any_value_in_the_record_of_the_jobs_is_shown_or_passed_over(machine, value):
    """A tool that copied the table has lost its types: monitors and doctor still tell of the rest."""
    change(
        machine,
        "ALTER TABLE job_state RENAME TO old; CREATE TABLE job_state (job_id, instance, PRIMARY KEY (job_id, instance))",
    )
    for column in (*shapes.JOB_STATE_COLUMNS, "last_token"):
        change(machine, f"ALTER TABLE job_state ADD COLUMN {column}")
    change(machine, "DROP TABLE old")
    columns = (*shapes.JOB_STATE_COLUMNS, "last_token")
    with machine.open() as connection:
        connection.execute(
            f"INSERT INTO job_state (job_id, instance, {', '.join(columns)})"
            f" VALUES (?, '', {', '.join('?' * len(columns))})",
            ("geo_cache_flush", *[value] * len(columns)),
        )

    for layout in ("table", "json", "prometheus"):
        assert machine.run("status", "--format", layout).code == 0
    assert machine.run("status", "--format", "nagios").code in (0, 1, 2)
    assert machine.run("doctor").code in (0, 69)
    state = machine.run("status", "--format", "json").json["jobs"]["geo_cache_flush"]
    if value in (1764000000, 1764000000.25):
        assert state["last_success_at"].startswith("2025-11-24T16:00:00.")
        assert state["success_age_s"] == 0  # the machine's clock is behind it
    assert machine.run("flush").code == 0
    assert machine.run("heartbeat", "--instance", "web1").code == 0
