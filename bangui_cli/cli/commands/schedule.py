"""`bangui schedule show`, `install` and `remove`."""

import os
import re
import shlex
from collections.abc import Sequence
from typing import Any

import click

from bangui_cli.cli import options
from bangui_cli.host import terminal
from bangui_cli.rules.durations import format_duration
from bangui_cli.scheduling import installing, program, runner
from bangui_cli.scheduling.formats import FORMATS, Format
from bangui_cli.scheduling.plan import ROOT, Plan, database_of, make_plan, own_command
from bangui_cli.settings import config_file
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.states.errors import PermissionRefused, UsageFault
from bangui_cli.telling import output

_USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@options.group("schedule", example="bangui schedule show")
def command() -> None:
    """Show, install or remove the schedule of the two jobs (cron, systemd)."""


def _parse_root(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    return os.path.abspath(value).rstrip("/")


def _parse_user(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _USER_NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not the name of a user")
    return value


def _target_options(function: Any) -> Any:
    for option in (
        click.option(
            "--root", metavar="DIR", default="/", show_default=True, callback=_parse_root,
            shell_complete=options.complete_directories,
            help="The directory that stands for /, for packages.",
        ),
        click.option(
            "--format", "format_", type=click.Choice(list(FORMATS)), default="cron", show_default=True,
            callback=lambda _ctx, _param, name: FORMATS[name], help="The scheduler to write for.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def _job_options(function: Any) -> Any:
    for option in (
        click.option(
            "--command", "command_path", metavar="PATH", shell_complete=options.complete_files,
            help="The bangui that the jobs run.  [default: the one that runs now]",
        ),
        click.option(
            "--user", metavar="NAME", callback=_parse_user,
            help="The user that the jobs run as.  [default: the owner of the database, if the jobs need "
            "nothing that he may not use; else, and with --root, root]",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


@command.command("show", cls=options.Command, example="bangui schedule show --format systemd")
@_target_options
@_job_options
@click.pass_obj
def show(
    invocation: Invocation, *, format_: Format, root: str, user: str | None, command_path: str | None
) -> None:
    """Print what install would write.

    Several files have their paths as headings.
    """
    invocation.trusts_settings = bool(root)
    files = format_.render(_plan(invocation, root, user, _command(command_path)))
    heads = [f"# {root}{file.path}\n" if len(files) > 1 else "" for file in files]
    texts = [head + file.text for head, file in zip(heads, files, strict=True)]
    output.print_text("\n".join(texts).removesuffix("\n"))


@command.command("install", cls=options.Command, example="bangui schedule install --format systemd")
@_target_options
@_job_options
@click.option(
    "--force",
    is_flag=True,
    help="Replace files that bangui did not write; warn, no more, of what others could change.",
)
@click.pass_obj
def install(
    invocation: Invocation,
    *,
    format_: Format,
    root: str,
    user: str | None,
    command_path: str | None,
    force: bool,
) -> None:
    """Write /etc/cron.d/bangui, or a service and a timer for each job.

    Installing again replaces, also after a change of an interval or a timeout. The jobs carry the
    --database, --config and --instance that are given here by option or variable; other variables
    do not reach them.
    """
    # What is made for another host is not obeyed on this one.
    invocation.trusts_settings = force or bool(root)
    words = _command(command_path)
    plan = _plan(invocation, root, user, words)
    if not root:
        _require_user(plan.user)
        program.require_found(words)
        _require_trust(invocation, plan, words, force=force)
    wanted = format_.render(plan)
    for file in wanted:
        invocation.require_unused(root + file.path)
    written = installing.install(wanted, root, force=force)
    _log_scheduled(invocation, plan, format_, root, changed=bool(written))
    output.tell(_installed(plan, format_, root, written))
    if not format_.is_running():
        invocation.log.emit(
            events.SCHEDULER_NOT_RUNNING, format=format_.name, hint=format_.hint_if_not_running
        )


@command.command("remove", cls=options.Command, example="bangui schedule remove --format systemd")
@_target_options
@click.pass_obj
def remove(invocation: Invocation, *, format_: Format, root: str) -> None:
    """Delete the files that install wrote. Where there are none, that is fine."""
    removed = installing.remove(format_.paths, format_.links, root)
    if removed:
        hint = _hint(format_.hint_removed, root)
        invocation.log.emit(
            events.SCHEDULE_REMOVED, format=format_.name, paths=[root + path for path in removed], **hint
        )
        output.tell(f"deleted {_listed(removed, root)}")
    else:
        output.tell(f"there was no schedule for {format_.name} to delete")


def _installed(plan: Plan, format_: Format, root: str, written: list[str]) -> str:
    """Say which files there are, what they start, and what is still missing."""
    files = f"wrote {_listed(written, root)}"
    if not written:
        files = f"{_listed(format_.paths, root)} {'is' if len(format_.paths) == 1 else 'are'} as before"
    jobs = ", ".join(
        f"{planned.job.id} every {format_duration(format_.cadence_s(planned.interval_s))}"
        for planned in plan.jobs
    )
    if not format_.is_running():
        missing = f"; nothing starts them yet: {format_.hint_if_not_running}"
    else:
        missing = f"; next: {format_.hint_installed}" if format_.hint_installed else ""
    return f"{files}: {jobs}{'' if root else missing}"


def _listed(paths: Sequence[str], root: str) -> str:
    return ", ".join(terminal.safe(root + path) for path in paths)


def _command(path: str | None) -> tuple[str, ...]:
    return (os.path.abspath(path),) if path else own_command()


def _plan(invocation: Invocation, root: str, user: str | None, words: tuple[str, ...]) -> Plan:
    if user is None:
        user = ROOT if root else _choose_user(invocation, words[0])
    return make_plan(invocation.settings, invocation.settings_path, words, user)


def _choose_user(invocation: Invocation, program_path: str) -> str:
    database = database_of(invocation.settings)
    user, reason = runner.choose(database, invocation.settings_path, program_path)
    if reason:
        hint = "mend that and install again, or name a user with --user"
        invocation.log.emit(events.SCHEDULED_AS_ROOT, path=database.database, reason=reason, hint=hint)
    return user


def _log_scheduled(
    invocation: Invocation, plan: Plan, format_: Format, root: str, *, changed: bool
) -> None:
    hint = _hint(format_.hint_installed, root)
    for planned in plan.jobs:
        invocation.log.emit(
            planned.job.scheduled,
            interval_seconds=planned.interval_s,
            cadence_seconds=format_.cadence_s(planned.interval_s),
            format=format_.name,
            path=root + format_.start_file(planned.job),
            user=plan.user,
            changed=changed,
            **hint,
        )
    for other in FORMATS.values():
        if other is not format_ and any(installing.is_ours(root + path) for path in other.paths):
            there = f" --root {shlex.quote(root)}" if root else ""
            invocation.log.emit(
                events.SCHEDULED_TWICE,
                format=other.name,
                hint=f"bangui schedule remove --format {other.name}{there}",
            )


def _hint(text: str | None, root: str) -> dict[str, str]:
    """Return the next step as a field of an event; in a package there is none."""
    return {"hint": text} if text and not root else {}


def _require_trust(invocation: Invocation, plan: Plan, words: tuple[str, ...], *, force: bool) -> None:
    """Raise Untrusted, or only warn, where root would obey each minute what others could change."""
    if os.geteuid() != 0:
        return
    path = invocation.settings_path
    doubts: list[PermissionRefused | None] = [config_file.doubt(path) if path else None]
    doubts += [program.doubt(words) if plan.user == ROOT else None]
    for state in doubts:
        if state and not force:
            raise state
        if state:
            invocation.log.emit(events.UNTRUSTED, **state.fields, error=state.error, hint=state.hint)


def _require_user(name: str) -> None:
    """Raise UsageFault for an unknown user, for whom cron ignores the whole file."""
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        raise UsageFault(
            f"there is no user {name}", hint=f"create it: useradd --system {name}"
        ) from None
