"""What a setting may be: parsers that raise ValueError with a reason fit for a sentence."""

from collections.abc import Callable

from bangui_cli.rules import durations

NEVER = "never"
TEXT_LIMIT_CHARACTERS = 128
_PATH_LIMIT_CHARACTERS = 4095  # Linux's PATH_MAX, less the final NUL
_MOST_ROWS = 1_000_000


def parse_duration_s(value: object) -> float:
    """Return seconds > 0."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(durations.UNFIT)
    seconds = durations.parse_duration_s(str(value))
    if seconds <= 0:
        raise ValueError("must be more than 0")
    return seconds


def parse_span_s(value: object) -> float | None:
    """Return seconds > 0, or None for "never"."""
    if isinstance(value, str) and value.lower() == NEVER:
        return None
    try:
        return parse_duration_s(value)
    except ValueError as error:
        raise ValueError(f"{error}, or {NEVER}") from None


def parse_rows(value: object) -> int:
    """Return a whole number from 1 to a million."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_ROWS:
        raise ValueError(f"not a whole number from 1 to {_MOST_ROWS}")
    return value


def parse_name(value: object) -> str:
    """Return a text fit for a log line and a table: printable, 1 to 128 characters."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("it is empty, or has control characters")
    if len(value) > TEXT_LIMIT_CHARACTERS:
        raise ValueError(f"longer than {TEXT_LIMIT_CHARACTERS} characters")
    return value


def parse_path(value: object) -> str:
    """Return a path as it is."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("not a path")
    if len(value) > _PATH_LIMIT_CHARACTERS:
        raise ValueError(f"longer than {_PATH_LIMIT_CHARACTERS} characters")
    return value


def parse_paths(value: object) -> tuple[str, ...]:
    """Return paths, from a list or from one text with colons."""
    if isinstance(value, str):
        value = value.split(":")
    if not isinstance(value, list | tuple):
        raise ValueError("not a list of paths")
    return tuple(parse_path(path) for path in value if path != "")


def parse_flag(value: object) -> bool:
    """Return a truth value."""
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if isinstance(value, str):
        value = words.get(value.lower())
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def one_of(choices: tuple[str, ...]) -> Callable[[object], str]:
    """Return a parser of one of some words, in any case."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or value.lower() not in choices:
            raise ValueError(f"not one of {', '.join(choices)}")
        return value.lower()

    return parse
