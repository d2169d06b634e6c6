"""`bangui export`: hand over what is known."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import click

from bangui_cli.cli import options, parameters
from bangui_cli.host import terminal
from bangui_cli.host.files import PRIVATE
from bangui_cli.reporting import rows
from bangui_cli.rules import timestamps
from bangui_cli.rules.ban import KeptBan
from bangui_cli.rules.entry import Entry
from bangui_cli.settings.invocation import Invocation
from bangui_cli.store import gives_up_rights, open_handover
from bangui_cli.store.handover import Handover
from bangui_cli.telling import output

_CACHE, _HISTORY = "cache", "history"
_EXAMPLE = """\
bangui export | gzip > cache.jsonl.gz
bangui export history --since 30d --format csv --output bans.csv"""


@options.command("export", example=_EXAMPLE)
@click.argument("what", metavar="[cache|history]", type=click.Choice([_CACHE, _HISTORY]), default=_CACHE)
@click.option(
    "--format", "form", type=click.Choice(list(rows.LAYOUTS)), default="jsonl", show_default=True,
    help="The form: an object a line, or a table with a header.",
)  # fmt: skip
@click.option(
    "--since", "since_s", type=parameters.MOMENT, metavar="TIME",
    help="Only what was resolved, or banned, since then: 7d, 2026-11-01, 2026-11-01T12:00.",
)  # fmt: skip
@click.option(
    "--output", "path", type=parameters.OUTPUT_PATH, metavar="FILE",
    shell_complete=parameters.complete_files,
    help="Write to this file, which is new and yours alone; - is stdout.  [default: -]",
)  # fmt: skip
@click.pass_obj
def command(
    invocation: Invocation, *, what: str, form: str, since_s: float | None, path: str | None
) -> None:
    """Hand over what is known of all addresses, or the history of bans, in one consistent state.

    The cache is what lookup would tell, dirty entries included; import reads it back, and
    import --history the history.
    """
    settings = invocation.settings
    since = timestamps.to_text(since_s) if since_s else ""
    with invocation.open_output(path, mode=PRIVATE) if path else nullcontext() as file:
        if file and gives_up_rights(settings.database_path):
            file.entrust()
        with open_handover(settings.database_path) as store:
            pieces = _pieces(store, what, since, form)
            if file:
                file.replace_with(pieces)
            elif terminal.stdout_is_terminal():
                output.print_pieces(map(terminal.safe_lines, pieces))
            else:
                output.print_pieces(pieces)


def _pieces(store: Handover, what: str, since: str, form: str) -> Iterator[bytes]:
    if what == _CACHE:
        found: Any = store.export_cache(since)
        return rows.LAYOUTS[form](Entry._fields, found)
    return rows.LAYOUTS[form](KeptBan._fields, store.export_history(since))
