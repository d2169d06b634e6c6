"""How a word of the command line is read, what is said where it cannot be, how it completes."""

from collections.abc import Callable
from typing import Any

import click

from bangui_cli.host import clocks
from bangui_cli.rules import durations, server_urls
from bangui_cli.settings import values


class Parsed(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.4
    """Read a value with a parser of the settings; its ValueError is a usage error."""

    def __init__(self, parse: Callable[[object], Any], name: str) -> None:
        self.parse = parse
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the parsed value."""
        try:
            return self.parse(value)
        except ValueError as error:
            variable = param.envvar if param and ctx and _is_from_environment(param, ctx) else None
            place = f" in {variable}" if variable else ""
            shown = server_urls.shown(value) if isinstance(value, str) else value
            self.fail(f"{shown!r}{place}: {error}", param, ctx)


def _is_from_environment(param: click.Parameter, ctx: click.Context) -> bool:
    return ctx.get_parameter_source(param.name or "") == click.core.ParameterSource.ENVIRONMENT


ID = Parsed(values.parse_name, "id")
DURATION = Parsed(values.parse_duration_s, "time")
ROWS = Parsed(values.parse_rows, "number")
WAIT = Parsed(lambda text: durations.parse_duration_s(str(text)), "time")
PATH = Parsed(values.parse_path, "path")


def _parse_output_path(value: object) -> str:
    path = values.parse_path(value)
    return "/dev/stdout" if path == "-" else path


# A dash is stdout, as it is stdin for what is read.
OUTPUT_PATH = Parsed(_parse_output_path, "path")


def _parse_moment_s(value: object) -> float:
    from bangui_cli.rules import moments  # no job asks for one

    return moments.parse_wall_s(str(value), clocks.wall_s())


# The wall clock at a span before now, or at a moment in local time.
MOMENT = Parsed(_parse_moment_s, "time")


def complete_files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Let the shell complete the name of a file; a parameter takes this as `shell_complete`."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def complete_directories(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Let the shell complete the name of a directory, as `complete_files` does that of a file."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]
