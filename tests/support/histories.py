"""A memory of bans to ask: rows of `ban_history`, written past `collect`, in either engine."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple

from bangui_cli.rules.entry import known_country
from bangui_cli.rules.server_urls import is_server_url
from bangui_cli.rules.validation import Rejected, normalise_ip

_INSERT = """
INSERT INTO ban_history (instance, jail, ip, banned_at, bantime_s, bancount, failures)
VALUES (?, ?, ?, ?, ?, ?, ?)"""


class Banned(NamedTuple):
    """One row, in the order of the columns."""

    instance: str
    jail: str
    ip: str
    banned_at: str
    bantime_s: int = 600
    bancount: int = 1
    failures: int | None = 5


ORIGINS = {
    "192.0.2.1": ("DE", "Germany", "AS64496", "Example AG"),
    "192.0.2.2": ("FR", None, "AS64497", "Exemple SA"),
    "198.51.100.0": ("EU", None, "AS64496", "Example AG"),
    "2001:db8::1": ("DE", "Germany", None, None),
}
_CACHED = "INSERT INTO geo_cache VALUES (?, ?, ?, ?, ?, '2026-01-01T00:00:00.000Z', NULL)"


def furnish(bangui, bans):
    """Give a database origins of some addresses, and bans."""
    connection = bangui.connect()
    connection.execute("BEGIN")
    connection.executemany(_CACHED, [(ip, *origin) for ip, origin in ORIGINS.items()])
    remember(connection, bans)
    connection.execute("COMMIT")
    connection.close()
    return bangui


def remember(connection, bans):
    """Write bans into an open database."""
    connection.executemany(_INSERT, bans)


def ban(ip, banned_at, jail="sshd", instance="web1", **values):
    """Return a ban at a moment that is written as short as it may be."""
    return Banned(instance, jail, ip, banned_at + "2026-01-01T00:00:00.000Z"[len(banned_at) :], **values)


def fill(database: str, bans, cache: Iterable[tuple] = (), waiting: Iterable[tuple] = ()) -> None:
    """Let a database hold these bans, cached and dirty rows (six columns of either), and no others."""
    if is_server_url(database):
        _fill_server(database, bans, cache, waiting)
        return
    with closing(sqlite3.connect(database)) as connection:
        for table in ("ban_history", "geo_cache", "geo_cache_dirty"):
            connection.execute(f"DELETE FROM {table}")
        remember(connection, bans)
        connection.executemany("INSERT INTO geo_cache VALUES (?, ?, ?, ?, ?, ?, NULL)", cache)
        connection.executemany("INSERT INTO geo_cache_dirty VALUES (?, ?, ?, ?, ?, ?)", waiting)
        connection.commit()


def _fill_server(url: str, bans, cache, waiting) -> None:
    """Write the same, but for what nobody spells otherwise there."""
    from servers import connect

    connection = connect(url)
    connection.execute("TRUNCATE bangui.ban_history, bangui.geo_cache, bangui.geo_cache_dirty")
    for row in bans:
        connection.execute("INSERT INTO bangui.ban_history VALUES (%s, %s, %s, %s, %s, %s, %s)", row)
    for table, rows in (("geo_cache", filter(_is_normal, cache)), ("geo_cache_dirty", waiting)):
        for ip, code, *rest in rows:
            values = (ip, known_country(code), *(value or None for value in rest))
            connection.execute(f"INSERT INTO bangui.{table} VALUES (%s, %s, %s, %s, %s, %s)", values)
    connection.raw.close()


def _is_normal(row: tuple) -> bool:
    try:
        return normalise_ip(row[0]) == row[0]
    except Rejected:
        return False
