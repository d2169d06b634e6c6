"""`bangui heartbeat`: one heartbeat pass."""

import click

from bangui_cli.cli import options
from bangui_cli.jobs.catalogue import HEARTBEAT
from bangui_cli.jobs.frame import run_job
from bangui_cli.jobs.heartbeat import beat
from bangui_cli.settings.invocation import Invocation


@options.command("heartbeat", example="bangui heartbeat --held-ok")
@options.setting_option(
    "--timeout", setting="heartbeat_timeout", metavar="TIME", help="The longest the run may take."
)
@options.held_ok_option
@options.format_option("text", "json")
@click.pass_obj
def command(invocation: Invocation, *, held_ok: bool, layout: str) -> int:
    """Refresh the scheduler lock, or take it over when it is free or stale."""
    return run_job(HEARTBEAT, invocation, beat, held_ok=held_ok, as_json=layout == "json").exit_code
