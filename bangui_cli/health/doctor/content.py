"""Check what is in the database: sound pages, the right schema, a journal that SQLite can keep."""

from shlex import quote

from bangui_cli.health.doctor.checks import Check, error, failed, ok, warning
from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.states import exit_codes
from bangui_cli.states.errors import BanguiError, DeadlineExceeded
from bangui_cli.store import Store
from bangui_cli.store.sqlite import schema, versions
from bangui_cli.store.sqlite.examination import open_unchanged

# Writers wait while the pages are read: less than the shortest default timeout of a job.
_QUICK_CHECK_S = 3.0


def check_pages(path: str, limit_s: float = _QUICK_CHECK_S) -> Check:
    """Let SQLite look for damage, as far as it gets in a few seconds."""
    overrun = DeadlineExceeded("the check was not finished")
    try:
        limit = Deadline(clocks.monotonic_s() + limit_s, overrun)
        with open_unchanged(path, limit) as store, store.snapshot():
            fault = store.quick_check()
    except DeadlineExceeded:
        return warning(
            "quick_check",
            f"not finished in {limit_s:g} s, no fault so far",
            f"when no job runs: sqlite3 {quote(path)} 'PRAGMA quick_check'",
        )
    except BanguiError as state:
        return failed("quick_check", state)
    if fault is None:
        return ok("quick_check", "no damaged page")
    remedy = f"copy the file aside, then recover it: sqlite3 {quote(path)} .recover | sqlite3 NEW"
    return error("quick_check", fault, remedy, exit_codes.BAD_DATA)


def check_schema(store: Store) -> Check:
    """Check that the tables are those of this bangui. Wants a snapshot."""
    try:
        store.require_schema()
    except BanguiError as state:
        return failed("schema", state)
    return ok("schema", schema.MIGRATIONS[-1])


def check_journal(path: str, mode: str, sqlite_version: tuple[int, ...] = versions.RUNNING) -> Check:
    """Check that this SQLite keeps a database in this journal mode whole."""
    version = ".".join(map(str, sqlite_version[:3]))
    if mode == "wal" and not versions.wal_is_sound(sqlite_version):
        return error(
            "journal_mode",
            f"wal, which SQLite {version} can corrupt when two jobs commit and checkpoint at once",
            "upgrade SQLite to 3.51.3 or later, or: "
            f"bangui init --journal-mode delete --database {quote(path)}",
            exit_codes.CONFIG,
        )
    return ok("journal_mode", f"{mode}, with SQLite {version}")
