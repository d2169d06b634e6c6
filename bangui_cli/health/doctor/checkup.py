"""Run all checks; what cannot be looked at because of an earlier fault is left out."""

import os
import stat
from typing import Any

from bangui_cli.health.collect import collect
from bangui_cli.health.doctor import content, geoip, place, schedule, work
from bangui_cli.health.doctor.checks import Check, failed, ok, warning
from bangui_cli.host import clocks
from bangui_cli.settings.table import Settings
from bangui_cli.states.errors import BanguiError, DatabaseCorrupt, JournalLeft
from bangui_cli.store.sqlite.examination import open_unchanged


def examine(values: Settings) -> list[Check]:
    """Check everything that the settings lead to."""
    sources = sorted({sourced.source for sourced in values.values()} - {"default"})
    database, state = _examine_database(values)
    return [
        ok("settings", ", ".join(sources) or "defaults"),
        work.check_lock_ttl(values),
        *database,
        *(work.check_jobs(state, values) if state else []),
        *geoip.examine(values.geoip_db, clocks.wall_s()),
        *examine_host(state),
    ]


def examine_host(state: dict[str, Any] | None = None) -> list[Check]:
    """Check what does not depend on the settings: schedule and clocks."""
    now = clocks.now()
    return [*schedule.examine(), work.check_clock(now.wall_s, state), work.check_boot_clock(now)]


def _examine_database(values: Settings) -> tuple[list[Check], dict[str, Any] | None]:
    """Check the file and what is in it; return its state, too, if it can be read."""
    path, state = values.database_path, None
    around = place.examine(path) if _is_reachable_file(path) else []
    try:
        with open_unchanged(path) as store, store.snapshot():
            journal = content.check_journal(path, store.journal_mode())
            inside = [journal, content.check_schema(store)]
            if inside[-1].verdict == "ok":
                state = collect(store, values.instance)
                inside.append(work.check_lock(state["lock"]))
    except JournalLeft as fault:
        return [warning("database_readable", fault.error, fault.hint), *around], None
    except DatabaseCorrupt as fault:
        return [failed("database_readable", fault), content.check_pages(path), *around], None
    except BanguiError as fault:
        return [failed("database_readable", fault), *around], None
    readable = ok("database_readable", path)
    return [readable, content.check_pages(path), *inside, *around], state


def _is_reachable_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False
