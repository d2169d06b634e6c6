"""The options that say which bans are meant, and the warning where a source has none."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import click

from bangui_cli.cli import parameters
from bangui_cli.reporting.selection import Selection, Sources, as_remembered
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command with the options that choose bans, which it gets as a `Selection`."""

    @click.option(
        "--jail", "jails", multiple=True, metavar="NAME",
        help="Only the bans of this jail; may be given again.",
    )  # fmt: skip
    @click.option(
        "--from-instance", "instances", multiple=True, metavar="NAME",
        help="Only the bans that this instance has collected; may be given again.",
    )  # fmt: skip
    @click.option(
        "--since", "since_s", type=parameters.MOMENT, metavar="TIME",
        help="Only bans of this last time, such as 7d, or from this moment on: 2026-11-01, "
        "2026-11-01T12:00, in local time.",
    )  # fmt: skip
    @click.option(
        "--until", "until_s", type=parameters.MOMENT, metavar="TIME",
        help="Only bans before this moment, given as for --since.",
    )  # fmt: skip
    @click.option("--active", is_flag=True, help="Only the bans that are in force now.")
    @wraps(command)
    def with_selection(*arguments: Any, **values: Any) -> Any:
        selection = Selection(**{name: values.pop(name) for name in Selection._fields})
        return command(*arguments, selection=selection, **values)

    return with_selection


def warn_of_no_bans(invocation: Invocation, selection: Selection, known: Sources) -> None:
    """Name each jail and instance that is not among those with bans: it may be a typing mistake."""
    for jail in _unknown(selection.jails, known.jails):
        invocation.log.emit(events.JAIL_WITHOUT_BANS, jail=jail, jails=list(known.jails))
    for name in _unknown(selection.instances, known.instances):
        found = list(known.instances)
        invocation.log.emit(events.INSTANCE_WITHOUT_BANS, instance=name, instances=found)


def _unknown(asked: Iterable[str], known: Sequence[str]) -> list[str]:
    return [name for name in asked if as_remembered(name) not in known]
