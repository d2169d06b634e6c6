"""`bangui status`: lock, dirty set, cache, last runs."""

import click

from bangui_cli import monitoring, options, output, reading
from bangui_cli.invocation import Invocation


@options.command("status", example="bangui status --format json | jq .dirty")
@click.option(
    "--format", "layout", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="The form of the answer.",
)  # fmt: skip
@click.pass_obj
def command(invocation: Invocation, *, layout: str) -> None:
    """Show lock, dirty set, cache and last runs."""
    settings = invocation.sound_settings()
    with reading.open_snapshot(settings.database_path) as store:
        state = monitoring.collect(store, settings.instance)
    if layout == "json":
        output.print_json(state)
    else:
        for title, section in _sections(state):
            output.print_section(title, section)


def _sections(state: dict[str, dict[str, object]]) -> list[tuple[str, dict[str, object]]]:
    jobs = state["jobs"]
    plain = [(title, section) for title, section in state.items() if title != "jobs"]
    return plain + [(f"job {job_id}", dict(values)) for job_id, values in jobs.items()]  # type: ignore[call-overload]
