"""Check a server for `doctor`: reached, current, in time, with room, and told apart from its clones."""

from collections.abc import Callable
from itertools import starmap
from typing import TypeVar

from bangui_cli.host import clocks
from bangui_cli.rules import lease
from bangui_cli.rules.durations import approximate
from bangui_cli.states import exit_codes
from bangui_cli.states.checks import Check, error, failed, ok, warning
from bangui_cli.states.errors import BanguiError
from bangui_cli.store.interface import Store
from bangui_cli.store.postgresql import schema
from bangui_cli.store.postgresql import statements as sql
from bangui_cli.store.postgresql.store import PostgresqlStore
from bangui_cli.telling.readable import counted, size

State = TypeVar("State")

_LATE_STANDBY_S = 60.0
_FEW_CONNECTIONS = 10
# Some vacuums late; the table is empty most of the time.
_MANY_DEAD_ROWS, _LARGE_DIRTY_BYTES = 100_000, 64 * 2**20


def examine(url: str, look: Callable[[Store], State]) -> tuple[list[Check], State | None]:
    """Check the server, bangui's tables there and what they cost it; return what `look` saw, too."""
    try:
        with Examination(url) as database:
            found = [ok("database_readable", database.path), *database.check_server()]
            return _examine_tables(database, look, found)
    except BanguiError as fault:
        return [failed("database_readable", fault)], None


def _examine_tables(
    database: "Examination", look: Callable[[Store], State], found: list[Check]
) -> tuple[list[Check], State | None]:
    try:
        with database.snapshot():
            database.require_schema()
            found.append(ok("schema", schema.MIGRATIONS[-1]))
            state = look(database)
        return [*found, *database.check_tables()], state
    except BanguiError as fault:
        return [*found, failed("schema", fault)], None


class Examination(PostgresqlStore):
    """An open database that is looked at from all sides."""

    def check_server(self) -> list[Check]:
        """Check what the server says of itself."""
        before_s = clocks.wall_s()
        version, is_standby, server_s, lag_s, most, used = self._ask(sql.SERVER)[0]
        here_s = (before_s + clocks.wall_s()) / 2
        return [
            ok("server_version", f"PostgreSQL {version}"),
            check_replication(lag_s, is_standby=is_standby),
            check_server_clock(server_s - here_s),
            check_connections(most - used, most),
        ]

    def check_tables(self) -> list[Check]:
        """Check what this role may do to bangui's tables, what they hold, and who leaves traces."""
        return [
            check_rights(*self._ask(sql.RIGHTS)[0]),
            check_dead_rows(*(self._ask(sql.DEAD_ROWS) or [(0, 0, 0)])[0]),
            *starmap(check_machines, self._ask(sql.MACHINES)),
        ]


def check_replication(lag_s: float | None, *, is_standby: bool) -> Check:
    """Check that what a standby says is of now."""
    if not is_standby:
        return ok("replication", "a primary")
    behind = "how far behind is unknown" if lag_s is None else f"{approximate(lag_s)} behind"
    detail = f"a standby, {behind if lag_s != 0 else 'up to date'}: it answers what only reads"
    if lag_s is None or lag_s <= _LATE_STANDBY_S:
        return ok("replication", detail)
    return warning(
        "replication", detail, "look at pg_stat_replication on the primary, and at this server's log"
    )


def check_server_clock(ahead_s: float) -> Check:
    """Check that times of this host's log and of the server's tables can be compared."""
    if abs(ahead_s) <= lease.FUTURE_TOLERANCE_S:
        return ok("server_clock", "agrees with this host's")
    which = "ahead of" if ahead_s > 0 else "behind"
    return warning(
        "server_clock",
        f"the server's clock is {approximate(abs(ahead_s))} {which} this host's; the server's counts",
        "set both clocks: timedatectl set-ntp true",
    )


def check_connections(left: int, most: int) -> Check:
    """Check that jobs that start at once all get in."""
    detail = f"{left} of {most} left"
    if left > _FEW_CONNECTIONS:
        return ok("connections", detail)
    remedy = "raise max_connections on the server, or put a pooler before it (pgbouncer)"
    return warning("connections", detail, remedy)


def check_rights(role: str, may_read: bool, may_stage: bool, may_write: bool) -> Check:
    """Tell what this role may do; check that it is something."""
    rights = {"lookup and report": may_read, "stage": may_stage, "flush and heartbeat": may_write}
    given = ", ".join(what for what, may in rights.items() if may)
    if given:
        return ok("rights", f"{role} may {given}")
    remedy = "as the owner of the tables: bangui init --grant-reader ROLE (or -stager, -writer)"
    return error("rights", f"{role} may do nothing here", remedy, exit_codes.NO_PERMISSION)


def check_dead_rows(live: int, dead: int, size_bytes: int) -> Check:
    """Check that the server clears what flushes leave behind."""
    detail = f"{counted(dead, 'dead row')} beside {live:,} in geo_cache_dirty, {size(size_bytes)}"
    if dead < _MANY_DEAD_ROWS and size_bytes < _LARGE_DIRTY_BYTES:
        return ok("dead_rows", detail)
    remedy = "see that autovacuum is on; at once, as the owner: VACUUM bangui.geo_cache_dirty"
    return warning("dead_rows", detail, remedy)


def check_machines(instance: str, machine_ids: list[str]) -> Check:
    """Tell of machines that use one name: both hold its lock at once."""
    return warning(
        "instance_twice",
        f"{instance} is the name of {counted(len(machine_ids), 'machine')}: {', '.join(machine_ids)}",
        "give each a name of its own: --instance NAME, or the setting instance",
    )
