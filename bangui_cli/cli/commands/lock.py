"""`bangui lock show` and `bangui lock release`."""

import click

from bangui_cli.access import locking, reading
from bangui_cli.cli import options, parameters
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.store import open_store
from bangui_cli.telling import output


@options.group("lock", example="bangui lock show")
def command() -> None:
    """Show the scheduler lock, or hand it over."""


@command.command("show", cls=options.Command, example="bangui lock show --json | jq -r .verdict")
@options.format_option("table", "json")
@click.pass_obj
def show(invocation: Invocation, *, layout: str) -> None:
    """Show the holder of the lock and the verdict for this instance.

    The verdict is mine, held, expired or free. Nothing is changed.
    """
    settings = invocation.settings
    with reading.open_snapshot(settings.database_path) as store:
        view = locking.describe(*locking.inspect(store, settings.instance))
    if layout == "json":
        output.print_json(view)
    else:
        output.print_section("lock", locking.outline(view))


@command.command("release", cls=options.Command, example="bangui lock release --instance web1")
@click.option(
    "--lease", "lease_id", metavar="ID", type=parameters.ID,
    help="Release this lease, if it is still the current one.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Release the lock whoever holds it.")
@click.pass_obj
def release(invocation: Invocation, *, lease_id: str | None, force: bool) -> None:
    """Hand the lock over: another instance can take it at once."""
    settings = invocation.settings
    with open_store(settings.database_path) as store:
        view = locking.release(store, settings.instance, lease_id=lease_id, force=force)
    if view is not None:
        fields = ("owner", "hostname", "pid", "lease_id", "token", "age_s")
        invocation.log.emit(events.LOCK_RELEASED, **{key: view[key] for key in fields})
        invocation.tell(f"released the lock of {locking.holder(view)}: any instance can take it now")
    else:
        invocation.tell("the lock was free already")
