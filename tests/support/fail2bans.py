"""fail2ban's database as its server writes it, statement for statement, without the server."""

import json
import sqlite3
from pathlib import Path
from typing import Any

from geoip import FAIL2BAN

_BAN = "(jail, ip, timeofban, bantime, bancount, data) VALUES (?, ?, ?, ?, ?, ?)"


class Fail2banDatabase:
    """A database that a server could be writing right now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.create()

    def create(self) -> None:
        """Make it anew, empty, in the place of what was there."""
        self.path.unlink(missing_ok=True)
        with self.connect() as connection:
            connection.executescript(FAIL2BAN)
        self.path.chmod(0o600)

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None)

    def execute(self, statement: str, *parameters: object) -> None:
        connection = self.connect()
        connection.execute(statement, parameters)
        connection.close()

    def ban(
        self, ip: Any, at_s: Any, jail: Any = "sshd", bantime: Any = 600, bancount: Any = 1,
        failures: Any = 5, data: Any = None,
    ) -> None:  # fmt: skip
        """Write a ban into both tables, in one transaction."""
        data = data or json.dumps({"matches": ["x" * 100], "failures": failures})
        row = (jail, ip, at_s, bantime, bancount, data)
        connection = self.connect()
        connection.execute("BEGIN")
        connection.execute(f"INSERT INTO bans {_BAN}", row)
        connection.execute(f"INSERT OR REPLACE INTO bips {_BAN}", row)
        connection.execute("COMMIT")
        connection.close()

    def unban(self, ip: str, jail: str = "sshd") -> None:
        """Delete what is known of an address, as an unban by hand does."""
        for table in ("bips", "bans"):
            self.execute(f"DELETE FROM {table} WHERE jail = ? AND ip = ?", jail, ip)

    def purge(self, before_s: float) -> None:
        """Forget old bans; permanent ones stay in `bips`."""
        self.execute("DELETE FROM bans WHERE timeofban < ?", before_s)
        self.execute(
            "DELETE FROM bips WHERE timeofban < ? AND bantime != -1 AND timeofban + bantime * 3 < ?",
            before_s, before_s,
        )  # fmt: skip
