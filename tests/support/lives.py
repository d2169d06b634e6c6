"""A host that bans, remembers and forgets: its fail2ban, its database of either engine, its clock."""

import json
import shutil
import time
from collections.abc import Iterable
from contextlib import closing
from typing import Any, NamedTuple

import geoip
from fail2bans import Fail2banDatabase
from invariants import check_integrity, check_run
from servers import connect
from simulation import Machine, Outcome

from bangui_cli.rules import timestamps


class Key(NamedTuple):
    """What tells a ban from any other."""

    instance: str
    jail: str
    ip: str
    banned_at: str


class Value(NamedTuple):
    """What a later row may tell otherwise."""

    bantime_s: int
    bancount: int


History = dict[Key, Value]

_OURS = "SELECT instance, jail, ip, banned_at, bantime_s, bancount FROM {}ban_history"
_THEIRS = "SELECT jail, ip, timeofban, bantime, bancount FROM {} ORDER BY rowid"


class Host:
    """One host, and beside its database one to take in what it hands over."""

    def __init__(self, url: str | None = None) -> None:
        """Make it, with an empty database of a server, or else a file."""
        self.machine = Machine().__enter__()
        if url:
            self.machine.wall_s = time.time()  # the server's clock counts
        self.database = url or str(self.machine.database)
        self._schema = "bangui." if url else ""
        self._empty, self.other = (self.machine.home / name for name in ("empty.db", "other.db"))
        self.fail2ban = Fail2banDatabase(self.machine.home / "fail2ban.sqlite3")
        self._backup = self.machine.home / "backup.sqlite3"
        self._mmdb = self.machine.home / "country.mmdb"
        self.country: str | None = None
        for database in (self.database, self._empty):
            assert self.run("init", database_path=database).code == 0
        self.back_up()

    def close(self) -> None:
        self.machine.__exit__()

    def run(self, *arguments: object, **settings: object) -> Outcome:
        """Run a command on the host's database."""
        settings = {"database_path": self.database, "fail2ban_db": "/nonexistent", **settings}
        outcome = self.machine.run(*arguments, **settings)
        if outcome.code is not None:
            check_run(outcome.code, outcome.stderr)
        return outcome

    def ok(self, *arguments: object, **settings: object) -> Outcome:
        """Run what must succeed."""
        outcome = self.run(*arguments, **settings)
        assert outcome.code == 0, outcome
        return outcome

    def before(self, age_s: float) -> str:
        """Return the time before which something is older."""
        return timestamps.to_text(self.machine.wall_s - age_s)

    # What there is.

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query, in which {} stands for what leads to a table."""
        statement = query.format(self._schema)
        if not self._schema:
            return self.machine.rows(statement)
        connection = connect(self.database)
        with closing(connection.raw):
            return list(connection.rows(statement))

    def history(self) -> History:
        """Return all bans that are remembered."""
        return {Key(*row[:4]): Value(*row[4:]) for row in self.rows(_OURS)}

    def known(self, table: str) -> dict[str, str | None]:
        """Return the countries of the addresses in one of the two tables."""
        return dict(self.rows(f"SELECT ip, country_code FROM {{}}{table}"))

    def check(self) -> None:
        """Check that the file is sound."""
        if not self._schema:
            check_integrity(self.machine.database)

    # fail2ban.

    def banned(self, instance: str) -> History:
        """Return what fail2ban's tables tell, of two rows of one ban the later, or the one in `bans`."""
        with closing(self.fail2ban.connect()) as connection:
            rows = [
                row for table in ("bips", "bans") for row in connection.execute(_THEIRS.format(table))
            ]
        return {
            Key(instance, jail, ip, timestamps.to_text(at_s)): Value(*value)
            for jail, ip, at_s, *value in rows
        }

    def back_up(self) -> None:
        shutil.copy(self.fail2ban.path, self._backup)

    def restore(self) -> None:
        """Put the last backup into the place of fail2ban's database."""
        shutil.copy(self._backup, self.fail2ban.path)

    # Files.

    def get_mmdb(self, code: str) -> None:
        """Get a file in which all addresses are of one country, but for those that it does not know."""
        self.country = code
        geoip.write_mmdb(
            self._mmdb,
            dict.fromkeys(("192.0.2.0/24", "2001:db8::/32"), geoip.country(code, f"Land {code}")),
        )

    @property
    def resolving(self) -> list[str]:
        """Return the options that resolve by the file, or not at all."""
        return ["--geoip-db", str(self._mmdb)] if self.country else ["--no-resolve"]

    def is_known(self, ip: str) -> bool:
        """Tell whether the file knows a country of an address."""
        return not ip.startswith("198.51.100.")

    def write_lines(self, lines: Iterable[dict[str, Any]]) -> str:
        """Write an input of objects; return its path."""
        return self.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def write_text(self, text: str) -> str:
        """Write an input; return its path."""
        path = self.machine.home / "input.jsonl"
        path.write_text(text)
        return str(path)

    def empty_other(self) -> None:
        """Make the database anew that takes in what is handed over."""
        shutil.copy(self._empty, self.other)
