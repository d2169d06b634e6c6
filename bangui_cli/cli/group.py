"""The command line: a table of commands, each imported only when it is the one to run."""

import importlib
from typing import Any

import click

from bangui_cli import __version__
from bangui_cli.cli.options import Group, showing
from bangui_cli.states import exit_codes

_COMMANDS = {
    "init": ("init", "Create or upgrade the database."),
    "flush": ("flush", "Move the dirty entries into the cache."),
    "heartbeat": ("heartbeat", "Refresh the scheduler lock."),
    "add": ("add", "Stage one entry."),
    "import": ("import_", "Stage many entries from files or stdin."),
    "resolve": ("resolve", "Look addresses up in local MMDB files, and stage them."),
    "collect": ("collect", "Remember fail2ban's bans, and resolve their addresses."),
    "lookup": ("lookup", "Show what is known of an address."),
    "report": ("report", "Show where the addresses, or the bans, come from."),
    "bans": ("bans", "Show the bans that are remembered, one by one."),
    "prune": ("prune", "Delete what nobody needs any more."),
    "export": ("export", "Hand over what is known, to be imported elsewhere."),
    "forget": ("forget", "Delete all that is known of addresses."),
    "status": ("status", "Show lock, dirty set, cache and last runs."),
    "lock": ("lock", "Show the scheduler lock, or hand it over."),
    "schedule": ("schedule", "Show, install or remove the schedule (cron, systemd)."),
    "doctor": ("doctor", "Check the installation, with remedies."),
    "config": ("config", "Show every setting and its source."),
    "help": ("help", "Show the help of a command."),
}


class LazyGroup(Group):
    """A group that knows its commands by name and imports the one that is wanted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Among these click looks for the one that a mistyped name is nearest to.
        self.commands = dict.fromkeys(_COMMANDS)  # type: ignore[assignment]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the work."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. An error in its module is a bug and is raised as what it is."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"bangui_cli.cli.commands.{_COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the exit codes and an example."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(code, meaning) for code, meaning in exit_codes.TABLE])
        super().format_epilog(ctx, formatter)


@click.group(
    cls=LazyGroup,
    example="bangui init && bangui add 192.0.2.1 --country-code DE && bangui flush",
)
@click.option(
    "-V",
    "--version",
    **showing(lambda _: f"bangui, version {__version__}", "Show the version and exit."),
)
def cli() -> Any:
    """Keep the geolocation cache of a fail2ban host fresh, from cron, with no daemon."""
