"""Tell bangui's tables from what may stand in their place, by what SQLite's schema says of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bangui_cli.states.records import Record
from bangui_cli.store.sqlite.statements import JOB_STATE_COLUMNS

MIGRATIONS_TABLE = "_sqlite_migrations"
# The primary key of each table; that of the migrations is sqlite-utils' business.
KEYS = {
    "geo_cache": ("ip",),
    "geo_cache_dirty": ("ip",),
    "scheduler_lock": ("id",),
    "job_state": ("job_id", "instance"),
    "ban_history": ("banned_at", "instance", "jail", "ip"),
    "collect_state": ("instance",),
}
# What a later schema brought into a key: a table without it is to be upgraded, and not foreign.
LATER_KEYS = {"job_state": "instance"}
# What a table must have, whoever made it. What `init` adds, to a table of BanGUI or of an earlier
# bangui, does not stand here: without it a table is to be upgraded, and not foreign.
REQUIRED_COLUMNS = {
    "geo_cache": ("ip", "cached_at"),
    "geo_cache_dirty": ("ip", "country_code", "country_name", "asn", "org", "resolved_at"),
    "scheduler_lock": ("id", "pid", "hostname", "created_at", "heartbeat_at", "heartbeat_timeout"),
    "job_state": ("job_id", *JOB_STATE_COLUMNS, "last_token"),
    "ban_history": ("instance", "jail", "ip", "banned_at", "bantime_s", "bancount", "failures"),
    "collect_state": ("instance", "mark"),
    MIGRATIONS_TABLE: ("migration_set", "name", "applied_at"),
}
# What is added to the tables of BanGUI.
ADDED_COLUMNS = {
    "geo_cache": dict.fromkeys(("country_code", "country_name", "asn", "org", "last_seen"), "TEXT"),
    "scheduler_lock": {
        "owner": "TEXT",
        "lease_id": "TEXT",
        "token": "INTEGER",
        "boot_id": "TEXT",
        "heartbeat_boottime": "REAL",
        "heartbeat_written": "REAL",
    },
}

# Everything of these names but indexes. A virtual table has no root page: to ask it for its columns
# would run the code of its module.
READ_SHAPE = f"""
SELECT part.type, lower(part.tbl_name), part.name, lower(column.name), column.pk, column.hidden
  FROM sqlite_schema AS part
  LEFT JOIN pragma_table_xinfo(
       CASE WHEN part.type = 'table' AND part.rootpage > 0 THEN part.name END) AS column
 WHERE part.type <> 'index'
   AND lower(part.tbl_name) IN ({", ".join(f"'{table}'" for table in REQUIRED_COLUMNS)})"""


class Part(Record):
    """One column of a table, or a view, virtual table or trigger, which have no columns here.

    `hidden` is what PRAGMA table_xinfo says: 0 for an ordinary column.
    """

    kind: str
    table: str
    name: str
    column: str | None
    key_position: int | None
    hidden: int | None


def find_foreign(parts: Sequence[Part], tables: Iterable[str] = REQUIRED_COLUMNS) -> str | None:
    """Say what neither bangui nor BanGUI has made of these tables; None where there is nothing."""
    return next((fault for table in tables for fault in _faults(table, parts)), None)


def find_missing(parts: Iterable[Part]) -> str | None:
    """Say which table or column `init` has still to make; None where all are there."""
    found = {(part.table, part.column) for part in parts}
    tables = {table for table, _ in found}
    missing = [table for table in REQUIRED_COLUMNS if table not in tables]
    missing += [
        f"{table}.{column}"
        for table, columns in ADDED_COLUMNS.items()
        for column in columns
        if (table, column) not in found
    ]
    missing += [f"{key[0]}.{key[1]}" for key in LATER_KEYS.items() if key not in found]
    return missing[0] if missing else None


def _faults(table: str, parts: Iterable[Part]) -> Iterator[str]:
    mine = [part for part in parts if part.table == table]
    if mine:
        yield from filter(None, map(_intruder, mine))
        yield from _unfit_columns(table, {part.column: part for part in mine})
        key = _expected_key(table, {part.column for part in mine})
        if key and key != _key(mine):
            yield f"{', '.join(key)} is not the primary key of {table}"


def _unfit_columns(table: str, found: Mapping[str | None, Part]) -> Iterator[str]:
    for name in REQUIRED_COLUMNS[table]:
        if name not in found:
            yield f"{table} has no column {name}"
    for name in (*REQUIRED_COLUMNS[table], *ADDED_COLUMNS.get(table, ())):
        if name in found and found[name].hidden:
            yield f"{table}.{name} is a generated column"


def _expected_key(table: str, columns: set[str | None]) -> tuple[str, ...]:
    later = LATER_KEYS.get(table)
    key = KEYS.get(table, ())
    return key if later in columns else tuple(name for name in key if name != later)


def _key(parts: Iterable[Part]) -> tuple[str | None, ...]:
    places = sorted((part.key_position, part.column) for part in parts if part.key_position)
    return tuple(column for _, column in places)


def _intruder(part: Part) -> str | None:
    if part.kind == "trigger":
        return f"the trigger {part.name} stands on {part.table}"
    if part.kind == "view":
        return f"{part.table} is a view"
    return None if part.column else f"{part.table} is a virtual table"
