"""`bangui init`: create or upgrade the database."""

import click

from bangui_cli import store
from bangui_cli.cli import options
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events


@options.command("init", example="bangui init --database /var/lib/bangui/bangui.db")
@click.option(
    "--journal-mode",
    type=click.Choice(["delete", "wal"]),
    help="Convert the journal.  [default: a new database gets delete, an existing one keeps its own]",
)
@click.option(
    "--force", is_flag=True, help="Insist on WAL on a faulty SQLite, or on another program's database."
)
@click.pass_obj
def command(invocation: Invocation, *, journal_mode: str | None, force: bool) -> None:
    """Create or upgrade the database; safe to repeat.

    A database of BanGUI is adopted: columns and tables are added, nothing in it is rewritten.
    """
    path = invocation.settings.database_path
    done = store.initialise(path, journal_mode=journal_mode, force=force)
    invocation.log.emit(events.DATABASE_INITIALISED, **done._asdict())
