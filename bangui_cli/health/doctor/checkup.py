"""Run all checks; what cannot be looked at because of an earlier fault is left out."""

from functools import partial
from typing import Any

from bangui_cli import store
from bangui_cli.health.collect import collect
from bangui_cli.health.doctor import geoip, schedule, work
from bangui_cli.host import clocks
from bangui_cli.settings.table import Settings
from bangui_cli.states.checks import Check, ok


def examine(values: Settings) -> list[Check]:
    """Check everything that the settings lead to."""
    sources = sorted({sourced.source for sourced in values.values()} - {"default"})
    database, state = store.examine(values.database_path, partial(collect, instance=values.instance))
    return [
        ok("settings", ", ".join(sources) or "defaults"),
        work.check_lock_ttl(values),
        *database,
        *(work.check_state(state, values) if state else []),
        *geoip.examine(values.geoip_db, clocks.wall_s()),
        *examine_host(state),
    ]


def examine_host(state: dict[str, Any] | None = None) -> list[Check]:
    """Check what does not depend on the settings: schedule and clocks."""
    return [*schedule.examine(), work.check_clock(clocks.wall_s(), state)]
