"""What values a setting takes, in words: for the manual, beside the parsers that hold them to it."""

from collections.abc import Callable
from typing import Any

from bangui_cli.settings import table
from bangui_cli.settings.table import Setting

_BY_KEY = {"lock_ttl": "a time, at least 3 x heartbeat_interval and at most 1h"}
_BY_PARSER: dict[Callable[[object], Any], str] = {
    table.parse_duration_s: "a time, more than 0 and at most a hundred years",
    table.parse_span_s: f"a time, more than 0 and at most a hundred years, or {table.NEVER}",
    table.parse_rows: "a whole number from 1 to 1000000",
    table.parse_name: "a text of 1 to 128 characters, none of them a control character",
    table.parse_path: "a path of at most 4095 characters",
    table.parse_paths: "a list of paths; in the variable, with colons between them",
    table.parse_flag: "true or false",
}


def describe(setting: Setting) -> str | None:
    """Say what a setting takes; None where its meaning lists the words."""
    return _BY_KEY.get(setting.key) or _BY_PARSER.get(setting.parse)
