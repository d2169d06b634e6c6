"""Check a database for `doctor`: sound pages, the right schema, a journal that SQLite can keep."""

import math
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shlex import quote
from typing import TypeVar

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.host.errand import Ended, Errand
from bangui_cli.rules.durations import approximate
from bangui_cli.rules.lease import Instant
from bangui_cli.states import exit_codes
from bangui_cli.states.checks import OK, Check, error, failed, ok, warning
from bangui_cli.states.errors import (
    BanguiError,
    ConfigInvalid,
    DatabaseCorrupt,
    DeadlineExceeded,
    JournalLeft,
    NotADatabase,
    Untrusted,
    of_os_error,
)
from bangui_cli.store.interface import Store
from bangui_cli.store.sqlite import custody, place, schema, versions
from bangui_cli.store.sqlite.examination import open_unchanged

# Writers wait while the pages are read: less than the shortest default timeout of a job.
_QUICK_CHECK_S = 3.0


State = TypeVar("State")


def examine(path: str, look: Callable[[Store], State]) -> tuple[list[Check], State | None]:
    """Check the file, what is in it and the clock of its lock; return what `look` saw, too."""
    found, state = _examine_file(path, look)
    return [*found, check_boot_clock(clocks.now())], state


def _examine_file(path: str, look: Callable[[Store], State]) -> tuple[list[Check], State | None]:
    state = None
    try:
        custody.become_owner(path)
    except BanguiError as fault:
        return [failed("ownership", fault)], None
    around = place.examine(path) if _is_reachable_file(path) else []
    try:
        with open_unchanged(path) as store, store.snapshot():
            inside = [check_journal(path, store.journal_mode()), check_schema(store)]
            if inside[-1].verdict == OK:
                state = look(store)
    except JournalLeft as fault:
        return [warning("database_readable", fault.error, fault.hint), *around], None
    except (Untrusted, ConfigInvalid):
        return around, None  # what is the matter has been said, and nothing opened
    except NotADatabase as fault:
        return [failed("database_readable", fault)], None  # what is around it is nothing to be changed
    except DatabaseCorrupt as fault:
        return [failed("database_readable", fault), check_pages(path), *around], None
    except BanguiError as fault:
        return [failed("database_readable", fault), *around], None
    return [ok("database_readable", path), check_pages(path), *inside, *around], state


def _is_reachable_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def check_pages(path: str, limit_s: float = _QUICK_CHECK_S) -> Check:
    """Let SQLite look for damage, as far as it gets in a few seconds."""
    try:
        fault = _find_damage(path, limit_s)
    except (DeadlineExceeded, Ended):
        return warning(
            "quick_check",
            f"not finished in {limit_s:g} s, no fault so far",
            f"when no job runs: sqlite3 {quote(path)} 'PRAGMA quick_check'",
        )
    except BanguiError as state:
        return failed("quick_check", state)
    except OSError as withheld:
        return failed("quick_check", of_os_error(withheld, f"cannot look through {path}"))
    if fault is None:
        return ok("quick_check", "no damaged page")
    remedy = f"copy the file aside, then recover it: sqlite3 {quote(path)} .recover | sqlite3 NEW"
    return error("quick_check", fault, remedy, exit_codes.BAD_DATA)


def _find_damage(path: str, limit_s: float) -> str | None:
    """Return the first fault. Raise DeadlineExceeded, Ended, OSError, or what it cannot be read for.

    A child looks: a column that another hand has made up may be computed in a single step of SQLite,
    which nothing interrupts, and nobody could write meanwhile.
    """
    with Errand(lambda: _looking(path, limit_s), cpu_limit_s=math.ceil(limit_s) + 1) as errand:
        fault: str | None = errand.ask(None)
    return fault


@contextmanager
def _looking(path: str, limit_s: float) -> Iterator[Callable[[None], str | None]]:
    def answer(_: None) -> str | None:
        overrun = DeadlineExceeded("the check was not finished")
        limit = Deadline(clocks.monotonic_s() + limit_s, overrun)
        with open_unchanged(path, limit) as store, store.snapshot():
            return store.quick_check()

    yield answer


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


def check_boot_clock(now: Instant) -> Check:
    """Check that the lock can be judged by a clock that nobody sets."""
    if now.boottime_s is None or now.boot_id is None:
        return warning(
            "boot_clock",
            "cannot be read: a step of the wall clock may cost the lock",
            "make /proc readable for this user (/proc/sys/kernel/random/boot_id)",
        )
    return ok("boot_clock", f"this host is up for {approximate(now.boottime_s)}")
