"""The page and the metrics of a server's history are those of a file's."""

import sqlite3
from contextlib import closing
from datetime import UTC

import pytest
from histories import ban, remember
from servers import connect

from bangui_cli.access import reading
from bangui_cli.reporting.page.gathering import Asked, gather
from bangui_cli.reporting.publishing import count_bans, metrics_text
from bangui_cli.reporting.selection import Selection
from bangui_cli.rules import timestamps
from bangui_cli.store import initialise

NOW_S = timestamps.to_wall_s("2026-01-10T12:00:00Z")
HISTORY = [
    ban(ip, f"2026-01-{day:02}T{hour:02}:30:00.000Z", jail=("sshd", "web", "mail")[hour % 3], instance=f"web{day % 2}")
    for day in (1, 4, 8, 9)
    for hour, ip in enumerate(
        ["192.0.2.1", "192.0.2.77", "192.0.2.0/25", "10.0.0.0/8", "198.51.100.7", "2001:db8::1", "2001:db8:0:5::1",
         "2001:db8:7::/64", "2001:db8::/32"],
        start=day,
    )
]  # fmt: skip
CACHE = [
    ("192.0.2.1", "DE", "Germany", "AS1", "One"),
    ("192.0.2.77", "SG", None, "AS2", None),
    ("2001:db8::1", "EU", None, "AS1", "Eins"),
    ("10.0.0.0", "US", "United States", None, "One"),
]


@pytest.fixture(scope="module")
def databases(tmp_path_factory, server):
    path, url = str(tmp_path_factory.mktemp("published") / "bangui.db"), server.make_database()
    for database in (path, url):
        initialise(database, journal_mode=None, force=False)
    with closing(sqlite3.connect(path)) as connection, connection:
        remember(connection, HISTORY)
        connection.executemany("INSERT INTO geo_cache VALUES (?, ?, ?, ?, ?, '2026-01-01', NULL)", CACHE)
    on_server = connect(url)
    for row in HISTORY:
        on_server.execute(
            f"INSERT INTO bangui.ban_history ({', '.join(row._fields)}) VALUES ({', '.join(['%s'] * len(row))})",
            row,
        )
    for row in CACHE:
        on_server.execute(
            "INSERT INTO bangui.geo_cache VALUES (%s, %s, %s, %s, %s, '2026-01-01T00:00:00.000Z', NULL)",
            row,
        )
    return path, url


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(since_s=NOW_S - 4 * 86400),
        Selection(since_s=NOW_S - 2 * 86400, until_s=NOW_S - 86400),
        Selection(jails=("sshd", "none"), instances=("web1",)),
    ],
    ids=str,
)
@pytest.mark.parametrize("are_masked", [True, False])
def test_a_server_publishes_what_a_file_does(databases, selection, are_masked):
    """Whoever moves to a server sees the same world."""
    pages, metrics = [], []
    for database in databases:
        with reading.open_snapshot(database) as store:
            pages.append(gather(store.bans, Asked(selection, NOW_S, are_masked=are_masked, zone=UTC)))
            metrics.append(metrics_text(count_bans(store, selection, NOW_S), top=1))

    assert pages[0].totals.bans > 0
    assert pages[1] == pages[0]
    assert metrics[1] == metrics[0]
