"""`bangui help`: the help of a command, asked for as other tools have it."""

import click

from bangui_cli.cli import options


def _complete(context: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    found = _find(context.find_root(), context.params.get("names") or ())
    group = found.command
    names = group.list_commands(found) if isinstance(group, click.Group) else []
    return [name for name in names if name.startswith(incomplete)]


@options.command("help", example="bangui help lock show")
@click.argument("names", metavar="[COMMAND...]", nargs=-1, shell_complete=_complete)
@click.pass_context
def command(context: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command: the same as --help after its name."""
    click.echo(_find(context.find_root(), names).get_help())


def _find(context: click.Context, names: tuple[str, ...]) -> click.Context:
    """Return a context for the command that the names lead to. Raise a usage error."""
    if not names:
        return context
    if not isinstance(context.command, click.Group):
        # Not in the context of that command: a job would log it as a failure of its own.
        text = f"No such command '{names[0]}': {context.command_path} has none."
        raise click.UsageError(text, context.find_root())
    name, found, _ = context.command.resolve_command(context, [names[0]])
    assert found, "resolve_command fails by itself where there is none"
    return _find(click.Context(found, context, name), names[1:])
