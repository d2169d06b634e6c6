"""Run all checks; what cannot be looked at because of an earlier fault is left out."""

from functools import partial

from bangui_cli import store
from bangui_cli.health.collect import collect
from bangui_cli.health.doctor import geoip, schedule, work
from bangui_cli.host import clocks
from bangui_cli.settings.table import Settings
from bangui_cli.states.checks import Check, ok


def examine(values: Settings) -> list[Check]:
    """Check everything that the settings lead to."""
    sources = sorted({sourced.source for sourced in values.values()} - {"default"})
    # The database comes last: from there on root is the user whose it is.
    geoip_files, schedules = geoip.examine(values.geoip_db, clocks.wall_s()), schedule.examine()
    database, state = store.examine(values.database_path, partial(collect, instance=values.instance))
    return [
        ok("settings", ", ".join(sources) or "defaults"),
        work.check_lock_ttl(values),
        *database,
        *(work.check_state(state, values) if state else []),
        *geoip_files,
        *schedules,
        work.check_clock(clocks.wall_s(), state),
    ]


def examine_host() -> list[Check]:
    """Check what does not depend on the settings: schedule and clocks."""
    return [*schedule.examine(), work.check_clock(clocks.wall_s(), None)]
