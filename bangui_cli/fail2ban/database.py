"""What fail2ban's database tells: the addresses that it remembers, and the jails, along its indexes."""

from bangui_cli.fail2ban.reading import open_reading
from bangui_cli.rules.sqlite_spelling import decode

# `bans` is the history, purged by age; `bips` keeps the latest ban, and so the permanent ones.
# An address has 49 characters at most, a network included; in order of the index grouping is free.
_IP = "substr(ip, 1, 64)"
ADDRESSES = {table: f"SELECT {_IP} FROM {table} GROUP BY ip" for table in ("bans", "bips")}

_JAIL = "substr(jail, 1, 64)"
JAILS = {table: f"SELECT {_JAIL} FROM {table} GROUP BY jail" for table in ("bans", "bips")}


def read_addresses(path: str) -> list[str]:
    """Return every address (or network, or nonsense) that fail2ban remembers, each once."""
    with open_reading(path) as reading:
        rows = [row for query in ADDRESSES.values() for row in reading.fetch(query)]
    return list(dict.fromkeys(_text(ip) for (ip,) in rows))


def read_jails(path: str) -> list[str]:
    """Return the names of the jails that have bans."""
    with open_reading(path) as reading:
        rows = [row for query in JAILS.values() for row in reading.fetch(query)]
    return sorted({_text(jail) for (jail,) in rows})


def _text(value: object) -> str:
    return decode(value) if isinstance(value, bytes) else str(value)
