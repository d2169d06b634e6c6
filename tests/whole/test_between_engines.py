"""A history goes from a file to a server and back with every row, also where it is killed on its way."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from conftest import Bangui, wait_until
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import connect
from test_handing_over import BAN, histories, take_in

from bangui_cli import store
from bangui_cli.reporting import rows
from bangui_cli.rules.ban import KeptBan
from bangui_cli.store import open_handover

BANS = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO ban_history
SELECT 'web' || (i % 3), 'sshd', '10.0.' || (i >> 8) || '.' || (i & 255),
       strftime('%Y-%m-%dT%H:%M:%S.000Z', 1700000000 + i / 2, 'unixepoch'), iif(i % 5, 600, -1), i % 4,
       iif(i % 7, i % 9, NULL) FROM n"""


@pytest.fixture(scope="module")
def chain(tmp_path_factory, server):
    """Make a file, a database of a server, and another file."""
    home = tmp_path_factory.mktemp("chain")
    places = [str(home / "one.db"), server.make_database(), str(home / "two.db")]
    for place in places:
        store.initialise(place, journal_mode=None, force=False)
    return places


def _empty(places):
    for place in (places[0], places[2]):
        with closing(sqlite3.connect(place, isolation_level=None)) as connection:
            connection.execute("DELETE FROM ban_history")
    connection = connect(places[1])
    with closing(connection.raw):
        connection.execute("DELETE FROM bangui.ban_history")


def _handed_over(place, layout):
    with open_handover(place) as opened:
        return b"".join(rows.LAYOUTS[layout](KeptBan._fields, opened.export_history("")))


@settings(max_examples=20, deadline=None)
@given(bans=histories, layout=st.sampled_from(list(rows.LAYOUTS)))
def test_every_row_is_the_same_on_the_server_and_back_in_a_file(chain, tmp_path_factory, bans, layout):
    """In the same order, to the last character of a name."""
    _empty(chain)
    with closing(sqlite3.connect(chain[0], isolation_level=None)) as connection:
        connection.executemany(BAN, bans)
    told = [_handed_over(chain[0], layout)]

    for place in chain[1:]:
        if bans:
            take_in(place, told[-1], tmp_path_factory.mktemp("input") / "input")
        told.append(_handed_over(place, layout))

    assert told == [told[0]] * 3


@pytest.mark.parametrize("target", ["file", "server"])
def test_an_import_that_is_killed_half_way_is_repeated_to_the_end(
    bangui, on_server, initialised, target
):
    """It waits for the rest of its input when it is killed: so it is never too late."""
    source = Bangui(bangui.home / "source")
    source.home.mkdir()
    shutil.copy(initialised, source.database)
    source.execute(BANS)
    exported = source.ok("export", "history").stdout
    half = exported[: exported.index("\n", len(exported) // 2) + 1]
    there, table = (bangui, "ban_history") if target == "file" else (on_server, "bangui.ban_history")

    def count():
        return there.rows(f"SELECT count(*) FROM {table}")[0][0]

    process = there.start("import", "--history", stdin=-1)
    process.stdin.write(half)
    process.stdin.flush()
    wait_until(count)
    process.kill()
    process.communicate()

    assert 0 < count() < 3000
    there.ok("import", "--history", input=exported)
    assert there.ok("export", "history").stdout == exported
