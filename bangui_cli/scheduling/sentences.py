"""What a person is told of a schedule: which files there are, what they start, and what they do not."""

import os
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from bangui_cli.rules.durations import format_duration
from bangui_cli.scheduling import systemctl
from bangui_cli.scheduling.formats import Format
from bangui_cli.scheduling.plan import File, LeftOut, Plan


def installed(
    plan: Plan, format_: Format, files: Sequence[File], changed: Sequence[str], root: str, next_step: str
) -> str:
    """Say what is installed, what is not and why, and what is left to do."""
    paths = [file.path for file in files]
    what = f"{_listed(paths, root)} {'is' if len(paths) == 1 else 'are'} as before"
    if changed:
        what = f"wrote {_listed([path for path in changed if path in paths] or changed, root)}"
    parts = [f"{what}: {_tasks(plan, format_)}"]
    if plan.left_out:
        parts.append(not_scheduled(plan))
    return "; ".join([*parts, *([next_step] if next_step else [])])


def not_scheduled(plan: Plan) -> str:
    """Say what is left out, and why."""
    return f"not scheduled: {_reasons(plan.left_out)}"


def next_step(format_: Format, files: Sequence[File], *, now: bool) -> str:
    """Say what is left for a person to do before anything starts."""
    if not format_.is_running():
        return f"nothing starts them yet: {format_.hint_if_not_running()}"
    to_do = "" if now else systemctl.to_paste(format_.activate(files))
    return f"next: {to_do}" if to_do else ""


def removed(paths: Sequence[str], root: str, next_step: str) -> str:
    """Say what was deleted, and what is left to do."""
    return f"deleted {_listed(paths, root)}{f'; next: {next_step}' if next_step else ''}"


def _tasks(plan: Plan, format_: Format) -> str:
    return ", ".join(
        f"{planned.task.id} every {format_duration(format_.cadence_s(planned.interval_s))}"
        for planned in plan.tasks
    )


def _reasons(left_out: Sequence[LeftOut]) -> str:
    """Name the tasks, those with one reason together."""
    groups = groupby(left_out, attrgetter("reason"))
    return ", ".join(
        f"{' and '.join(each.task.id for each in group)} ({reason})" for reason, group in groups
    )


def _listed(paths: Sequence[str], root: str) -> str:
    """Name paths, each directory once."""
    groups = groupby(paths, os.path.dirname)
    names = (
        f"{directory and f'{root}{directory}/'}{', '.join(map(os.path.basename, group))}"
        for directory, group in groups
    )
    return ", ".join(names)
