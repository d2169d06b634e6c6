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
        connection = self.connect()
        connection.executescript(FAIL2BAN)
        connection.close()
        self.path.chmod(0o600)

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")
        return connection

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


# What a run of `bangui` does for whom it waits after its first look into fail2ban's database: it says so by
# the file "looked", and goes on once there is the file "go".
PAUSED = """
import sys, time
from pathlib import Path
from bangui_cli.fail2ban import bans
from bangui_cli.jobs import collect
from bangui_cli.cli.main import run
home, read = Path(sys.argv.pop(1)), bans.read_page
def read_page(path, mark):
    page = read(path, mark)
    if not (home / "looked").exists():
        (home / "looked").touch()
        while not (home / "go").exists():
            time.sleep(0.002)
    return page
bans.read_page, bans._HOLD_S, collect._BATCH_ROWS = read_page, 0.0, 1  # a row at a time
run()
"""
# Batches so small that some thousand bans are many transactions.
SMALL_BATCHES = """
from bangui_cli.fail2ban import bans
from bangui_cli.jobs import collect
bans._HOLD_S, collect._BATCH_ROWS = 0.0005, 100
from bangui_cli.cli.main import run
run()
"""
