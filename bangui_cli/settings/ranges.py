"""What values a setting takes, in words: for the manual, beside the parsers that hold them to it."""

from collections.abc import Callable
from typing import Any

from bangui_cli.settings import values
from bangui_cli.settings.table import Setting

_BY_KEY = {"lock_ttl": "a time, at least 3 x heartbeat_interval and at most 1h"}
_BY_PARSER: dict[Callable[[object], Any], str] = {
    values.parse_duration_s: "a time, more than 0 and at most a hundred years",
    values.parse_span_s: f"a time, more than 0 and at most a hundred years, or {values.NEVER}",
    values.parse_rows: "a whole number from 1 to 1000000",
    values.parse_name: "a text of 1 to 128 characters, none of them a control character",
    values.parse_path: "a path of at most 4095 characters",
    values.parse_paths: "a list of paths; in the variable, with colons between them",
    values.parse_flag: "true or false",
}


def describe(setting: Setting) -> str | None:
    """Say what a setting takes; None where its meaning lists the words."""
    return _BY_KEY.get(setting.key) or _BY_PARSER.get(setting.parse)
