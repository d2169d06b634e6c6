"""`bangui config show`: every effective setting and where it came from."""

import click

from bangui_cli import options, output
from bangui_cli.invocation import Invocation


@click.group("config")
def command() -> None:
    """Show every setting and its source."""


@command.command("show", cls=options.Command, example="bangui config show --format json | jq .lock_ttl")
@click.option(
    "--format", "layout", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="The form of the answer.",
)  # fmt: skip
@click.pass_obj
def show(invocation: Invocation, *, layout: str) -> None:
    """Show every effective setting with its value and where it came from."""
    settings = invocation.settings
    if layout == "json":
        output.print_json({key: sourced._asdict() for key, sourced in settings.items()})
    else:
        output.print_table([{"setting": key, **sourced._asdict()} for key, sourced in settings.items()])
