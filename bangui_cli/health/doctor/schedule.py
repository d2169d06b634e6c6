"""Check that something starts the jobs: files of a schedule, and a scheduler that reads them."""

import os
import stat
from collections.abc import Sequence

from bangui_cli.health.doctor import comparison
from bangui_cli.scheduling import inventory, program, systemctl
from bangui_cli.scheduling.formats import CRON, Format
from bangui_cli.scheduling.inventory import Load, Schedule
from bangui_cli.states import exit_codes
from bangui_cli.states.checks import ERROR, WARNING, Check, error, failed, ok, warning
from bangui_cli.states.errors import BanguiError

_OTHERS_WRITE = 0o022


def examine(load: Load, database: str, kinds: Sequence[Format], root: str = "") -> list[Check]:
    """Check the schedule under `root` that works on a database, and the schedulers of this host."""
    try:
        installed = list(inventory.find(load, database, kinds, root))
    except BanguiError as state:
        return [failed("schedule", state), check_any_scheduler(kinds)]
    if not installed:
        return [_missing(), check_any_scheduler(kinds)]
    files = _check_files(installed, database, root)
    return [files, *_check_programs(installed), _check_schedulers([each.format for each in installed])]


def excuse(checks: Sequence[Check], flushed: str) -> list[Check]:
    """Find nothing wrong with no schedule of bangui's own where something else starts the jobs.

    `flushed` says when that was last.
    """
    if _missing() not in checks:
        return list(checks)
    started = ok(
        "schedule",
        f"none of bangui's own; something else starts the jobs: {flushed}",
    )
    others = [check for check in checks if check != _missing()]
    return [
        started,
        *(ok(each.name, each.detail) if each.verdict == WARNING else each for each in others),
    ]


def _missing() -> Check:
    return warning(
        "schedule",
        "no schedule of bangui is installed",
        "bangui schedule install; nothing, if a crontab of your own starts the jobs",
    )


def _check_files(installed: Sequence[Schedule], database: str, root: str) -> Check:
    """Find the worst: that the scheduler does not take them, what is in them, that there are two."""
    found = [_check_acceptance(each, root) or comparison.check(each, database) for each in installed]
    faults = [check for check in found if check.verdict == ERROR]
    if faults:
        return faults[0]
    if len(installed) > 1:
        return _twice([each.format for each in installed])
    return found[0]


def _twice(installed: Sequence[Format]) -> Check:
    names = " and ".join(each.name for each in installed)
    remedy = f"keep one: bangui schedule remove --format {installed[-1].name}"
    return warning("schedule", f"installed for {names}: each job starts twice", remedy)


def _check_acceptance(schedule: Schedule, root: str) -> Check | None:
    """Check that the scheduler will take the files, all of them."""
    kind, first = schedule.format, root + schedule.files[0].path
    if kind.name == CRON.name and not kind.is_own and _is_ignored_by_cron(first):
        detail = f"cron ignores {first}: it wants a file of root that only root may write"
        remedy = f"chown root {first}; chmod 644 {first}"
        return error("schedule", detail, remedy, exit_codes.UNAVAILABLE)
    disabled = [link for link in kind.links(schedule.files) if not os.path.lexists(root + link)]
    if disabled:
        name = os.path.basename(disabled[0])
        detail = f"installed for {kind.name}, and not enabled: {name}"
        remedy = systemctl.to_paste(kind.activate(schedule.files))
        return error("schedule", detail, remedy, exit_codes.UNAVAILABLE)
    return None


def _check_programs(installed: Sequence[Schedule]) -> list[Check]:
    """Check that nobody but root could change what root starts each minute; only root can tell."""
    if os.geteuid() != 0:
        return []
    texts = [file.text for each in installed for file in each.files]
    programs = sorted({name for text in texts for name in program.started_as_root(text)})
    for name in programs:
        state = program.doubt((name,))
        if state:
            return [failed("schedule_program", state)]
    return [ok("schedule_program", f"only root could change {name}") for name in programs]


def _is_ignored_by_cron(path: str) -> bool:
    status = os.stat(path)
    is_loose = status.st_mode & _OTHERS_WRITE or not stat.S_ISREG(status.st_mode)
    return bool(is_loose) or status.st_uid != 0


def _check_schedulers(installed: Sequence[Format]) -> Check:
    for each in installed:
        if not each.is_running():
            detail = f"{each.name} is not running: nothing starts the jobs"
            return error("scheduler", detail, each.hint_if_not_running(), exit_codes.UNAVAILABLE)
    return ok("scheduler", f"{' and '.join(each.name for each in installed)} is running")


def check_any_scheduler(kinds: Sequence[Format]) -> Check:
    """Check that there is a scheduler at all, for whatever is to start the jobs."""
    running = dict.fromkeys(each.name for each in kinds if each.is_running())
    if running:
        return ok("scheduler", f"{' and '.join(running)} is running")
    names = " nor ".join(dict.fromkeys(each.name for each in kinds))
    return warning("scheduler", f"neither {names} is running here", kinds[0].hint_if_not_running())
