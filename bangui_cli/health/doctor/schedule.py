"""Check that something starts the jobs: files of a schedule, and a scheduler that reads them."""

import os
import stat
from collections.abc import Sequence

from bangui_cli.scheduling import program
from bangui_cli.scheduling.formats import CRON, FORMATS, Format
from bangui_cli.states import exit_codes
from bangui_cli.states.checks import WARNING, Check, error, failed, ok, warning

_OTHERS_WRITE = 0o022


def examine(root: str = "", formats: Sequence[Format] = tuple(FORMATS.values())) -> list[Check]:
    """Check the schedule under `root`, and the schedulers of this system."""
    installed = [each for each in formats if any(map(os.path.lexists, _under(root, each.paths)))]
    if not installed:
        return [_missing(), _check_any_scheduler(formats)]
    checks = [_check_files(each, root) for each in installed]
    if len(installed) > 1:
        checks = [_twice(installed)]
    return [*checks, *_check_programs(installed, root), _check_schedulers(installed)]


def excuse(checks: Sequence[Check], flushed: str) -> list[Check]:
    """Find nothing wrong with no schedule of bangui's own where something else starts the jobs.

    `flushed` says when that was last. If it was a hand, that will soon show.
    """
    if _missing() not in checks:
        return list(checks)
    started = ok("schedule", f"none of bangui's own; something starts flushes: {flushed}")
    others = [check for check in checks if check != _missing()]
    return [
        started,
        *(ok(each.name, each.detail) if each.verdict == WARNING else each for each in others),
    ]


def _under(root: str, paths: Sequence[str]) -> list[str]:
    return [root + path for path in paths]


def _missing() -> Check:
    return warning(
        "schedule",
        "no schedule of bangui is installed",
        "bangui schedule install; nothing, if a crontab of your own starts the jobs",
    )


def _twice(installed: Sequence[Format]) -> Check:
    names = " and ".join(each.name for each in installed)
    remedy = f"keep one: bangui schedule remove --format {installed[-1].name}"
    return warning("schedule", f"installed for {names}: each job starts twice", remedy)


def _check_files(installed: Format, root: str) -> Check:
    """Check that the scheduler will take the files, all of them."""
    paths = _under(root, installed.paths)
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        remedy = f"bangui schedule install --format {installed.name}"
        return error("schedule", f"{missing[0]} is missing", remedy, exit_codes.UNAVAILABLE)
    ignored = [path for path in paths if installed.name == CRON.name and _is_ignored_by_cron(path)]
    if ignored:
        detail = f"cron ignores {ignored[0]}: it wants a file of root that only root may write"
        remedy = f"chown root {ignored[0]}; chmod 644 {ignored[0]}"
        return error("schedule", detail, remedy, exit_codes.UNAVAILABLE)
    if not all(map(os.path.lexists, _under(root, installed.links))):
        detail = f"installed for {installed.name}, and not enabled"
        return error("schedule", detail, str(installed.hint_installed), exit_codes.UNAVAILABLE)
    return ok("schedule", f"installed for {installed.name}: {paths[0]}")


def _check_programs(installed: Sequence[Format], root: str) -> list[Check]:
    """Check that nobody but root could change what root starts each minute; only root can tell."""
    if os.geteuid() != 0:
        return []
    paths = [path for each in installed for path in _under(root, each.paths) if os.path.isfile(path)]
    programs = sorted({name for path in paths for name in program.started_as_root(_text(path))})
    for name in programs:
        state = program.doubt((name,))
        if state:
            return [failed("schedule_program", state)]
    return [ok("schedule_program", f"only root could change {name}") for name in programs]


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:  # it is root's, and this runs as another user
        return ""


def _is_ignored_by_cron(path: str) -> bool:
    status = os.stat(path)
    is_loose = status.st_mode & _OTHERS_WRITE or not stat.S_ISREG(status.st_mode)
    return bool(is_loose) or status.st_uid != 0


def _check_schedulers(installed: Sequence[Format]) -> Check:
    for each in installed:
        if not each.is_running():
            detail = f"{each.name} is not running: nothing starts the jobs"
            return error("scheduler", detail, each.hint_if_not_running, exit_codes.UNAVAILABLE)
    return ok("scheduler", f"{' and '.join(each.name for each in installed)} is running")


def _check_any_scheduler(formats: Sequence[Format]) -> Check:
    running = [each.name for each in formats if each.is_running()]
    if running:
        return ok("scheduler", f"{' and '.join(running)} is running")
    names = " nor ".join(each.name for each in formats)
    remedy = "install and start cron (apt-get install cron)"
    return warning("scheduler", f"neither {names} is running here", remedy)
