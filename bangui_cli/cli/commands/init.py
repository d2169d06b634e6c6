"""`bangui init`: create or upgrade the database."""

import shlex

import click

from bangui_cli import store
from bangui_cli.cli import options
from bangui_cli.rules import server_urls
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.store.places import Initialised
from bangui_cli.telling.readable import counted


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
    is_given = invocation.settings["database_path"].source.startswith(("flag", "environment"))
    option = f" --database {shlex.quote(server_urls.shown(path))}" if is_given else ""
    invocation.tell(_sentence(done, option))


def _sentence(done: Initialised, option: str) -> str:
    """Say where the database is and what to do next; `option` leads other commands there."""
    path, next_step = done.path, f"next: bangui schedule install{option}"
    if done.adopted:
        return f"the database is {path}, adopted from BanGUI, nothing rewritten; {next_step}"
    if done.created:
        return f"the database is {path}, newly made; {next_step}"
    count = len(done.migrations_applied)
    state = f"upgraded by {counted(count, 'migration')}" if count else "up to date already"
    return f"the database is {path}, {state}; next: bangui doctor{option}"
