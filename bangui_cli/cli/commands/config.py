"""`bangui config show`: every effective setting and where it came from."""

from typing import Any

import click

from bangui_cli.cli import options
from bangui_cli.rules import durations, server_urls
from bangui_cli.settings import table as settings
from bangui_cli.settings import values
from bangui_cli.settings.invocation import Invocation
from bangui_cli.telling import output


@options.group("config", example="bangui config show")
def command() -> None:
    """Show every setting and its source."""


@command.command("show", cls=options.Command, example="bangui config show --format json | jq .lock_ttl")
@options.format_option("table", "json")
@click.pass_obj
def show(invocation: Invocation, *, layout: str) -> None:
    """Show every effective setting, its value and its source."""
    effective = invocation.settings
    if layout == "json":
        output.print_json(
            {
                key: {"value": _without_password(value), "source": source}
                for key, (value, source) in effective.items()
            }
        )
        return
    output.print_table(
        [
            {"setting": key, "value": _as_written(key, value), "source": source}
            for key, (value, source) in effective.items()
        ]
    )


def _as_written(key: str, value: Any) -> Any:
    """Return a time as one writes it into the file, another value as it is."""
    parse = settings.BY_KEY[key].parse
    if parse is values.parse_span_s and value is None:
        return values.NEVER
    is_time = parse in (values.parse_duration_s, values.parse_span_s)
    return durations.format_duration(value) if is_time else _without_password(value)


def _without_password(value: Any) -> Any:
    return server_urls.shown(value) if isinstance(value, str) else value
