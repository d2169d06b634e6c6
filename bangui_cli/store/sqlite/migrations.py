"""Create and upgrade the schema, with sqlite-utils; only `init` imports this."""

import sqlite3

import sqlite_utils
from sqlite_utils.migrations import Migrations

from bangui_cli.states.errors import (
    ConfigInvalid,
    NotADatabase,
    Unavailable,
)
from bangui_cli.store.places import Initialised
from bangui_cli.store.sqlite import schema, shapes, tables, versions
from bangui_cli.store.sqlite.creation import create_file
from bangui_cli.store.sqlite.store import SqliteStore

migrations = Migrations(schema.MIGRATION_SET)


@migrations(name="0001_initial")
def _complete(db: sqlite_utils.Database) -> None:
    """Create what is missing; add this tool's columns to tables that BanGUI made."""
    for create in tables.CREATE_TABLES:
        db.execute(create)
    for table, columns in shapes.ADDED_COLUMNS.items():
        present = {column.name for column in db[table].columns}
        for name, definition in columns.items():
            if name not in present:
                db.execute(tables.ADD_COLUMN.format(table=table, column=name, definition=definition))


@migrations(name="0002_memory")
def _key_jobs_by_instance(db: sqlite_utils.Database) -> None:
    """Give a job outside the lock a row for each instance, and the history its tables."""
    _complete(db)
    if "instance" not in {column.name for column in db["job_state"].columns}:
        for statement in tables.KEY_JOBS_BY_INSTANCE:
            db.execute(statement)


def initialise(path: str, *, journal_mode: str | None, force: bool) -> Initialised:
    """Create or upgrade a database; nothing happens to one that is current.

    Raise CannotCreate, NotADatabase, ForeignSchema, SchemaNewer, ConfigInvalid, Unavailable and what the
    store raises.
    """
    if versions.RUNNING < versions.STRICT_SINCE:
        raise Unavailable(f"SQLite {sqlite3.sqlite_version} is too old: STRICT tables need 3.37")
    if journal_mode == "wal" and not force and not versions.wal_is_sound(versions.RUNNING):
        raise ConfigInvalid(
            f"SQLite {sqlite3.sqlite_version} can corrupt a WAL database when two jobs commit and "
            "checkpoint at the same instant",
            hint="leave --journal-mode out, upgrade SQLite to 3.51.3 or later, or insist with --force",
        )
    created = create_file(path)
    with SqliteStore(path, durable=True) as store:
        if not created:
            _require_whole(store)
        adopted, applied = _migrate(store, force=force)
        if journal_mode is not None:
            store.set_journal_mode(journal_mode)
        return Initialised(path, created, adopted, applied, store.journal_mode())


def _require_whole(store: SqliteStore) -> None:
    """Raise DatabaseCorrupt: whoever writes into a damaged file makes it worse."""
    with store.snapshot():
        store.require_whole()


def _migrate(store: SqliteStore, *, force: bool) -> tuple[bool, list[str]]:
    """Apply what is pending, all in one transaction; others that start now wait for it.

    Migrations.apply() computes what is pending outside of any transaction and opens deferred ones:
    without the outer BEGIN IMMEDIATE, one in six of concurrent runs dies with "database is locked".
    """
    with store.transaction():
        tables = store.table_names()
        known = {"geo_cache", "scheduler_lock", shapes.MIGRATIONS_TABLE}
        if tables and not tables & known and not force:
            some = ", ".join(sorted(tables)[:5])
            raise NotADatabase(
                f"{store.path} belongs to another program: it has the tables {some}",
                hint="give another path; --force adds bangui's tables all the same",
            )
        _, applied = store.examine_schema()
        db = sqlite_utils.Database(store.connection)
        with store.translating():
            pending = [migration.name for migration in migrations.pending(db)]
            if pending:
                migrations.apply(db)
            # BanGUI may have dropped its tables and made them anew since.
            _complete(db)
        adopted = bool(tables & {"geo_cache", "scheduler_lock"}) and not applied
        return adopted, pending
