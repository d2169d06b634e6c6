"""`bangui schedule show`, `install` and `remove`."""

import os
import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from bangui_cli.cli import options, parameters
from bangui_cli.scheduling import formats, requirements, runner, sentences, systemctl
from bangui_cli.scheduling.formats import Format
from bangui_cli.scheduling.plan import Command, File, Plan, libpq_variables, own_command
from bangui_cli.scheduling.proposal import Proposal, Request, propose
from bangui_cli.scheduling.tasks import not_carried
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.states.errors import PermissionRefused, Unavailable, UsageFault
from bangui_cli.telling import output


class Target(NamedTuple):
    """Where a schedule is, or is to be: this user's or the system's, under a root directory."""

    format: Format
    others: tuple[Format, ...]
    root: str


@options.group("schedule", example="bangui schedule show")
def command() -> None:
    """Show, install or remove the schedule of all jobs (cron, systemd).

    Root's is the system's. Any other user's is that user's own: lines in the crontab, or user units.
    """


def _parse_root(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    return os.path.abspath(value).rstrip("/")


def _parse_user(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not runner.USER_NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not the name of a user")
    return value


def _target_options(function: Any) -> Any:
    for option in (
        click.option(
            "--root", metavar="DIR", default="/", show_default=True, callback=_parse_root,
            shell_complete=parameters.complete_directories,
            help="The directory that stands for /, for packages.",
        ),
        click.option(
            "--format", "format_name", type=click.Choice(formats.NAMES), default=formats.NAMES[0],
            show_default=True, help="The scheduler to write for.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def _job_options(function: Any) -> Any:
    for option in (
        click.option(
            "--command", "command_path", type=parameters.PATH, metavar="PATH",
            shell_complete=parameters.complete_files,
            help="The bangui that the jobs run.  [default: the one that runs now]",
        ),
        click.option(
            "--user", metavar="NAME", callback=_parse_user,
            help="The user that the jobs run as.  [default: the owner of the database, for a job that "
            "needs nothing that he may not use; else, and with --root, root]",
        ),
        click.option(
            "--all", "everything", is_flag=True,
            help="Schedule also what this host has no use for yet, without fail2ban or MMDB files.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


@command.command("show", cls=options.Command, example="bangui schedule show --format systemd")
@_target_options
@_job_options
@click.pass_obj
def show(invocation: Invocation, /, *, format_name: str, root: str, **asked: Any) -> None:
    """Print what install would write.

    Several files have their paths as headings. What is left out is told on stderr.
    """
    invocation.trusts_settings = bool(root)
    target = _target(invocation, format_name, root)
    plan = _propose(invocation, target, **asked).plan
    files = target.format.render(plan)
    heads = [f"# {root}{file.path}\n" if len(files) > 1 else "" for file in files]
    texts = [head + file.text for head, file in zip(heads, files, strict=True)]
    output.print_text("\n".join(texts).removesuffix("\n"))
    _log_left_out(invocation, plan)
    if plan.left_out:
        invocation.announce(sentences.not_scheduled(plan))


@command.command("install", cls=options.Command, example="bangui schedule install --format systemd")
@_target_options
@_job_options
@click.option("--now", is_flag=True, help="Let systemd start the timers now, and after each boot.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace files that bangui did not write; warn, no more, of what others could change.",
)
@click.pass_obj
def install(
    invocation: Invocation, /, *, format_name: str, root: str, now: bool, force: bool, **asked: Any
) -> None:
    """Write /etc/cron.d/bangui, or a service and a timer for each job.

    For a user other than root, lines in that user's crontab, or user units. Installing again replaces,
    also after a change of a setting. The jobs carry the --database, --config and --instance that are
    given here by option or variable; other variables do not reach them.
    """
    if now and root:
        raise UsageFault("--now starts nothing under --root", hint="leave one of the two out")
    # What is made for another host is not obeyed on this one.
    invocation.trusts_settings = force or bool(root)
    target = _target(invocation, format_name, root)
    proposal = _propose(invocation, target, **asked)
    if not root:
        given = _command(invocation, asked["command_path"])
        requirements.require_usable(proposal.plan, given)
        _warn_of_doubts(invocation, requirements.doubts(proposal.plan, given), force=force)
    files = target.format.render(proposal.plan)
    for file in files:
        invocation.require_unused(root + file.path)
    changed = target.format.install(files, root, force)
    _log_installed(invocation, target, proposal.plan, files, changed=bool(changed))
    next_step = "" if root else sentences.next_step(target.format, files, now=now)
    invocation.tell(sentences.installed(proposal.plan, target.format, files, changed, root, next_step))
    if not root:
        _start(invocation, target.format, files, now=now)


@command.command("remove", cls=options.Command, example="bangui schedule remove --format systemd")
@_target_options
@click.option("--now", is_flag=True, help="Let systemd stop the timers first.")
@click.pass_obj
def remove(invocation: Invocation, *, format_name: str, root: str, now: bool) -> None:
    """Delete what install wrote. Where there is nothing, that is fine."""
    target = _target(invocation, format_name, root)
    files = target.format.installed(root)
    # Where no systemd runs there is nothing to be stopped, and the links go with the files.
    if now and files and not root and target.format.is_running():
        systemctl.run(target.format.deactivate(files), state="the files are still there")
    removed = target.format.remove(root)
    if removed:
        next_step = "" if now or root else systemctl.to_paste(target.format.forget(files))
        hint = {"hint": next_step} if next_step else {}
        paths = [root + path for path in removed]
        invocation.log.emit(events.SCHEDULE_REMOVED, format=target.format.name, paths=paths, **hint)
        invocation.tell(sentences.removed(removed, root, next_step))
    else:
        invocation.tell(f"there was no schedule for {target.format.name} to delete")
    _warn_of_others(invocation, target, events.SCHEDULE_REMAINS)


def _target(invocation: Invocation, format_name: str, root: str) -> Target:
    is_own = os.geteuid() != 0 and not root
    both = formats.all_of(invocation.environment, is_own=is_own)
    (chosen,) = (each for each in both if each.name == format_name)
    return Target(chosen, tuple(each for each in both if each is not chosen), root)


def _command(invocation: Invocation, path: str | None) -> Command:
    words = (os.path.abspath(path),) if path else own_command()
    return Command(words, invocation.settings_path, libpq_variables(invocation.environment))


def _propose(
    invocation: Invocation,
    target: Target,
    *,
    user: str | None,
    command_path: str | None,
    everything: bool,
) -> Proposal:
    is_own = target.format.is_own
    if is_own and user not in (None, runner.oneself().name):
        raise PermissionRefused(
            f"only root can schedule jobs of {user}", hint="run it as root, or leave --user out"
        )
    given = _command(invocation, command_path)
    request = Request(given, user, target.root, everything, is_own)
    proposal = propose(invocation.settings, request)
    for reason, jobs in proposal.stand_ins.items():
        hint = "mend that and install again, or name a user with --user"
        path = proposal.plan.database.database
        invocation.log.emit(events.SCHEDULED_AS_ROOT, path=path, reason=reason, jobs=jobs, hint=hint)
    return proposal


def _warn_of_doubts(invocation: Invocation, doubts: Sequence[PermissionRefused], *, force: bool) -> None:
    """Raise Untrusted, or only warn, where root would obey each minute what others could change."""
    for state in doubts:
        if not force:
            raise state
        invocation.log.emit(events.UNTRUSTED, **state.fields, error=state.error, hint=state.hint)


def _log_installed(
    invocation: Invocation, target: Target, plan: Plan, files: Sequence[File], *, changed: bool
) -> None:
    to_do = "" if target.root else systemctl.to_paste(target.format.activate(files))
    hint = {"hint": to_do} if to_do else {}
    for planned in plan.tasks:
        invocation.log.emit(
            planned.task.scheduled,
            interval_seconds=planned.interval_s,
            cadence_seconds=target.format.cadence_s(planned.interval_s),
            format=target.format.name,
            path=target.root + target.format.start_path(planned.task),
            user=planned.user,
            changed=changed,
            **hint,
        )
    _log_left_out(invocation, plan)
    for key, variable in not_carried(invocation.settings).items():
        in_file = f"set {key} in the settings file, as /etc/bangui/bangui.toml"
        invocation.log.emit(events.VARIABLE_NOT_SCHEDULED, variable=variable, hint=in_file)
    _warn_of_others(invocation, target, events.SCHEDULED_TWICE)


def _log_left_out(invocation: Invocation, plan: Plan) -> None:
    for left_out in plan.left_out:
        invocation.log.emit(events.SCHEDULE_LEFT_OUT, job=left_out.task.id, reason=left_out.reason)


def _warn_of_others(invocation: Invocation, target: Target, event: events.Event) -> None:
    """Warn where the jobs are installed for another scheduler, too."""
    there = f" --root {shlex.quote(target.root)}" if target.root else ""
    for other in target.others:
        if other.installed(target.root):
            hint = f"bangui schedule remove --format {other.name}{there}"
            invocation.log.emit(event, format=other.name, hint=hint)


def _start(invocation: Invocation, format_: Format, files: Sequence[File], *, now: bool) -> None:
    """Start what is installed, if asked to; warn where nothing is there that would."""
    is_running, commands = format_.is_running(), format_.activate(files)
    if now and commands and not is_running:
        raise Unavailable(
            f"the files are written, and {format_.name} is not running",
            hint=format_.hint_if_not_running(),
        )
    if not is_running:
        hint = format_.hint_if_not_running()
        invocation.log.emit(events.SCHEDULER_NOT_RUNNING, format=format_.name, hint=hint)
    if now:
        systemctl.run(commands, state="the files are written")
