"""Damage is called damage: not a missing table, not a missing permission, and nobody makes it worse."""

import os
import random
import shutil
import sqlite3
import subprocess
from contextlib import closing

import banguis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import check_run
from others import needs_root
from simulation import Machine

PAGE_BYTES = 4096
COMMANDS = (
    ("status",),
    ("flush",),
    ("heartbeat",),
    ("add", "192.0.2.9"),
    ("lookup", "192.0.2.1"),
    ("init",),
)
# What a job reads of the migrations.
APPLIED = "idx__sqlite_migrations_migration_set_name"
ROOT_PAGE = "SELECT rootpage FROM sqlite_schema WHERE name = ?"


def damage(path, page, at, content):
    """Overwrite a part of a page, which are counted from 1."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES + at)
        file.write(content)


def root_page(bangui, table):
    return bangui.rows(ROOT_PAGE, table)[0][0]


# A page without a cell is one without a row: nothing but the room that is then nobody's tells.
LOSSES = {
    "no migration left": lambda bangui: damage(bangui.database, root_page(bangui, APPLIED), 3, bytes(2)),
    "the migrations are zeros": lambda bangui: damage(
        bangui.database, root_page(bangui, APPLIED), 0, bytes(PAGE_BYTES)
    ),
    "no table left": lambda bangui: damage(bangui.database, 1, 103, bytes(2)),
    "the tables are noise": lambda bangui: damage(
        bangui.database, 1, 100, random.Random(1).randbytes(PAGE_BYTES - 100)
    ),
    "the file ends early": lambda bangui: os.truncate(bangui.database, 3 * PAGE_BYTES),
    "a name is no UTF-8": lambda bangui: damage(
        bangui.database,
        1,
        bangui.database.read_bytes().index(b"tablejob_state") + 5,
        b"\xff\xfe",
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_was_lost_with_a_page_is_not_missed_as_a_table(bangui, loss):
    """`init` would make it anew, on top of the damage."""
    LOSSES[loss](bangui)
    before = bangui.database.read_bytes()

    for command in COMMANDS:
        ended = bangui.run(*command)
        assert (ended.code, "is damaged" in ended.events[-1]["error"]) == (65, True), ended
        assert ".recover" in ended.events[-1]["hint"]
    report = bangui.run("doctor", "--format", "json")
    assert (report.code, "not been upgraded" in report.stdout) == (65, False)
    assert bangui.database.read_bytes() == before


def test_init_adopts_no_database_that_is_damaged(bare):
    """A damaged page of BanGUI's cache takes new tables without a murmur, and is worse afterwards."""
    with closing(sqlite3.connect(bare.database)) as connection:
        connection.executescript(banguis.TABLES)
        rows = [(f"192.0.2.{last}", "x" * 150) for last in range(200)]
        connection.executemany("INSERT INTO geo_cache (ip, org) VALUES (?, ?)", rows)
        connection.commit()
    page = bare.database.read_bytes().index(b"192.0.2.150") // PAGE_BYTES + 1
    damage(bare.database, page, 8, random.Random(1).randbytes(200))
    before = bare.database.read_bytes()

    for arguments in [], ["--journal-mode", "wal", "--force"]:
        ended = bare.run("init", *arguments)
        assert (ended.code, "is damaged" in ended.events[-1]["error"]) == (65, True), ended
    assert bare.database.read_bytes() == before


@pytest.mark.parametrize("value", [5, 255])
def test_a_format_that_this_sqlite_does_not_know_is_told(bangui, value):
    """Of a later SQLite, or a damaged header: no bug, no matter of permission."""
    damage(bangui.database, 1, 47, bytes([value]))
    for command in COMMANDS:
        event = bangui.run(*command).events[-1]
        assert (event["exit_code"], "format" in event["error"]) == (65, True), event

    damage(bangui.database, 1, 47, b"\4")
    damage(bangui.database, 1, 18, bytes([value]))
    event = bangui.run("flush").events[-1]
    assert (event["exit_code"], "format" in event["error"]) == (65, True), event
    bangui.ok("status")


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not installed")
def test_damage_is_told_without_proc(bangui):
    """As in a bare chroot: whether the disk withholds the page is asked of the open file itself."""
    within = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")
    damage(bangui.database, root_page(bangui, "geo_cache_dirty"), 0, b"\xa5" * PAGE_BYTES)

    ended = bangui.run("flush", under=within)

    assert (ended.code, "is damaged" in ended.events[-1]["error"]) == (65, True), ended


def changes():
    """Return what may happen to a file: bytes overwritten anywhere, most of all where it matters."""
    places = st.one_of(
        st.integers(0, 99),
        st.integers(100, 120),
        st.integers(0, 14 * PAGE_BYTES),
        st.builds(lambda page, at: page * PAGE_BYTES + at, st.integers(1, 13), st.integers(0, 12)),
    )
    return st.lists(st.tuples(places, st.binary(min_size=1, max_size=40)), min_size=1, max_size=4)


def survive(changed):
    """Run every command on a database that was changed so."""
    with Machine() as machine:
        machine.run("init")
        machine.run("add", "192.0.2.1")
        machine.run("flush")
        machine.run("add", "192.0.2.2")
        content = bytearray(machine.database.read_bytes())
        for at, new in changed:
            content[at : at + len(new)] = new
        for command in (*COMMANDS, ("status", "--format", "prometheus"), ("doctor",)):
            for path in machine.files():
                path.unlink()
            machine.database.write_bytes(content)
            outcome = machine.run(*command)
            check_run(outcome.code, outcome.stderr)
            assert outcome.code in (0, 65, 69, 74) or (outcome.code, command[0]) == (1, "lookup"), (
                outcome
            )
            assert command != ("init",) or outcome.code == 0 or machine.database.read_bytes() == content


@settings(max_examples=25, derandomize=True)
@given(changes())
def test_any_damage_is_survived_and_told(changed):
    """No command takes damage for a bug, for a missing table or for a missing permission."""
    survive(changed)


@pytest.mark.torture
@settings(max_examples=400)
@given(changes())
def test_much_damage_is_survived_and_told(changed):
    """The same, for longer."""
    survive(changed)
