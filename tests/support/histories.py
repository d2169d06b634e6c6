"""A memory of bans to ask: rows of `ban_history`, written past `collect`."""

from typing import NamedTuple

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
