"""Run all checks; what cannot be looked at because of an earlier fault is left out."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from bangui_cli import store
from bangui_cli.health import outlook
from bangui_cli.health.collect import collect
from bangui_cli.health.doctor import geoip, schedule, work
from bangui_cli.host import clocks, container
from bangui_cli.scheduling import formats, inventory
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Settings, with_origin
from bangui_cli.states import exit_codes
from bangui_cli.states.checks import Check, ok, warning


def examine(invocation: Invocation) -> list[Check]:
    """Check everything that the settings lead to. Raise ConfigInvalid or PermissionRefused."""
    values = invocation.unchecked_settings
    # The database comes last: from there on root is the user whose it is.
    geoip_files = geoip.examine(values.geoip_db, clocks.wall_s())
    kinds = inventory.kinds_of_this_user(invocation.environment)
    schedules = schedule.examine(invocation.settings_given, values.database_path, kinds)
    look = partial(collect, instance=values.instance, outlook=outlook.look(invocation))
    database, state = store.examine(values.database_path, look)
    return [
        check_settings(values, invocation.misnamed_variables),
        work.check_instance(values["instance"], is_in_container=container.is_inside()),
        work.check_lock_ttl(values),
        *(_with_origin(check, values) for check in database),
        *(work.check_state(state, values) if state else []),
        *geoip_files,
        *_settle(schedules, state, values),
        work.check_clock(clocks.wall_s(), state),
    ]


def _settle(schedules: list[Check], state: dict[str, Any] | None, values: Settings) -> list[Check]:
    """Judge a schedule by the work that gets done, too."""
    flushed = work.tell_flush_on_time(state, values) if state else None
    return schedules if flushed is None else schedule.excuse(schedules, flushed)


def _with_origin(check: Check, values: Settings) -> Check:
    """Say of a database that is missing where its path comes from."""
    if check.name != "database_readable" or check.exit_code != exit_codes.NO_INPUT:
        return check
    return check._replace(remedy=with_origin(str(check.remedy), values["database_path"]))


def check_settings(values: Settings, misnamed: Mapping[str, str]) -> Check:
    """Check that every variable that looks like a setting is one."""
    if misnamed:
        nearest = ", ".join(f"{near} for {name}" for name, near in misnamed.items())
        detail = f"no setting, and without effect: {', '.join(misnamed)}"
        return warning("settings", detail, f"if meant, correct: {nearest}; let be what others read")
    sources = sorted({sourced.source for sourced in values.values()} - {"default"})
    return ok("settings", ", ".join(sources) or "defaults")


def examine_host() -> list[Check]:
    """Check what does not depend on the settings: schedulers and clocks."""
    return [schedule.check_any_scheduler(formats.OF_SYSTEM), work.check_clock(clocks.wall_s(), None)]
