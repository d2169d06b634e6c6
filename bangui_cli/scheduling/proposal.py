"""What `schedule install` would write now: the plan for this host, or for one below a root directory."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bangui_cli.scheduling import runner, uses
from bangui_cli.scheduling.plan import (
    ROOT,
    Command,
    LeftOut,
    Plan,
    PlannedTask,
    database_of,
    plan_task,
)
from bangui_cli.scheduling.runner import Need, Runner, User
from bangui_cli.scheduling.tasks import TASKS, Task
from bangui_cli.scheduling.uses import Uses
from bangui_cli.settings.table import Settings
from bangui_cli.store.places import Place


class Request(NamedTuple):
    """What was asked for. Without a user the owner of the database is meant; `root` is of another host.

    `everything`: also what this host has no use for yet. `is_own`: for the user's own scheduler.
    """

    command: Command
    user: str | None = None
    root: str = ""
    everything: bool = False
    is_own: bool = False


class Proposal(NamedTuple):
    """A plan, and for whom root stands in: the reason, and the tasks that it holds for."""

    plan: Plan
    stand_ins: dict[str, list[str]]


Decide = Callable[[Task], Runner | LeftOut]


def propose(settings: Settings, request: Request) -> Proposal:
    """Plan every task that the settings and the host have a use for.

    Raise UsageFault for a user that is unknown, and for what no crontab or unit can hold.
    """
    found = uses.look(settings, request.root)
    database = database_of(settings, is_own=request.is_own)
    decide = _decide_for(settings, request, database, found)
    planned, left_out, stand_ins = list[PlannedTask](), list[LeftOut](), dict[str, list[str]]()
    for task in TASKS:
        reason = uses.reason_against(task, settings, found, everything=request.everything)
        decision = LeftOut(task, reason) if reason else decide(task)
        if isinstance(decision, LeftOut):
            left_out.append(decision)
            continue
        if decision.reason:
            stand_ins.setdefault(decision.reason, []).append(task.id)
        planned.append(plan_task(task, decision.user, settings, request.command, is_own=request.is_own))
    return Proposal(Plan(database, tuple(planned), tuple(left_out), request.is_own), stand_ins)


def _decide_for(settings: Settings, request: Request, database: Place, found: Uses) -> Decide:
    """Return what says as whom a task runs, or that it does not."""
    if request.root:
        return lambda _task: Runner(request.user or ROOT)

    def needs_of(task: Task) -> list[Need]:
        return runner.needs_of(task, settings, found)

    if request.is_own or request.user:
        user = runner.named(request.user) if request.user else runner.oneself()
        return lambda task: _for_user(user, task, needs_of(task))
    common = runner.needs_of_every_task(database, request.command.config_path, request.command.words[0])
    return lambda task: _for_owner(database, task, common, needs_of(task))


def _for_user(user: User, task: Task, needs: Sequence[Need]) -> Runner | LeftOut:
    lack = runner.find_lack(user, needs) if needs else None
    return LeftOut(task, f"{user.name} {lack}") if lack else Runner(user.name)


def _for_owner(
    database: Place, task: Task, common: Sequence[Need], needs: Sequence[Need]
) -> Runner | LeftOut:
    """Return the owner of the database, else root, if there is what both would lack."""
    chosen = runner.choose(database, [*common, *needs])
    lack = runner.find_lack(runner.oneself(), needs) if chosen.user == ROOT and needs else None
    return LeftOut(task, f"{ROOT} {lack}") if lack else chosen
