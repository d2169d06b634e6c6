"""`bangui init`: create or upgrade the database."""

import shlex
from collections.abc import Sequence

import click

from bangui_cli import store
from bangui_cli.cli import options
from bangui_cli.rules import server_urls
from bangui_cli.settings.invocation import Invocation
from bangui_cli.states import events
from bangui_cli.store.places import Grant, Initialised
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
@click.option(
    "--grant-reader", "readers", metavar="ROLE", multiple=True,
    help="Let a role of the server look: lookup, report, bans, status, export, lock show, doctor.",
)  # fmt: skip
@click.option(
    "--grant-stager", "stagers", metavar="ROLE", multiple=True,
    help="Let a role also add, import, resolve and collect.",
)  # fmt: skip
@click.option(
    "--grant-writer", "writers", metavar="ROLE", multiple=True,
    help="Let a role do all but init: also flush, heartbeat, prune, forget and lock.",
)  # fmt: skip
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    journal_mode: str | None,
    force: bool,
    readers: Sequence[str],
    stagers: Sequence[str],
    writers: Sequence[str],
) -> None:
    """Create or upgrade the database; safe to repeat.

    A database of BanGUI is adopted: columns and tables are added, nothing in it is rewritten. On a
    server the tables stand in a schema of their own, bangui, and roles can be granted rights on them.
    """
    path = invocation.settings.database_path
    named = ("reader", readers), ("stager", stagers), ("writer", writers)
    grants = [Grant(kind, role) for kind, roles in named for role in roles]
    done = store.initialise(path, journal_mode=journal_mode, force=force, grants=grants)
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
