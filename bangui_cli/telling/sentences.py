"""Say an event to the person who has just typed the command: what happened, and what to do."""

import string
from typing import Any

from bangui_cli.host import terminal
from bangui_cli.states import events
from bangui_cli.states.events import Event
from bangui_cli.telling.readable import counted, readable

# Each sentence in parts. A part is left out where a field of it is unknown; of several for one place
# the first counts of which all is known.
_SENTENCES: dict[Event, tuple[str | tuple[str, ...], ...]] = {
    events.LOCK_REACQUIRED: (
        "took the lock again, which had expired", " {late_s} ago: no instance was active meanwhile"
    ),
    events.LOCK_TAKEN_OVER: (
        "took over the expired lock", " of {previous_owner}", " on {previous_hostname}",
        ": its last heartbeat was {age_s} ago",
    ),
    events.LOCK_MALFORMED: ("the lock made no sense and was replaced", ": {reason}"),
    events.DATABASE_HAS_SECOND_NAME: (
        "{path} has {names} names: who opens it by another one may damage it",
    ),
    events.IMPORT_ROW_REJECTED: (
        ("{address}", "{file}, element {element}", "{file}, line {line}"), ": {reason}",
    ),
    events.IMPORT_ROWS_REJECTED: (
        "{file}: {rows} more were refused, from line {first_line} to {last_line}",
    ),
    events.IMPORT_FIELDS_UNKNOWN: (
        "{file}: of {rows} nothing but the address is understood; there are the fields {fields}",
    ),
    events.IMPORT_COUNTRY_UNKNOWN: (
        "{file}: ISO 3166 does not know the country of {rows}; the first is {country}",
    ),
    events.JAIL_WITHOUT_BANS: ("jail {jail} has no ban", "; there are bans of {jails}"),
    events.INSTANCE_WITHOUT_BANS: (
        "instance {instance} has no ban", "; there are bans of {instances}",
    ),
    events.VARIABLE_NOT_SCHEDULED: ("{variable} does not reach the jobs",),
    events.SCHEDULED_AS_ROOT: ("root runs the jobs", ": {reason}"),
    events.FORGOTTEN_STILL_BANNED: (
        "fail2ban still holds what was forgotten: the next collect brings it back",
    ),
    events.VARIABLE_UNKNOWN: ("{variable} is no setting and has no effect",),
}  # fmt: skip
_BY_NAME = {event.name: parts for event, parts in _SENTENCES.items()}
_MEANINGS = {event.name: event.meaning for event in events.TABLE}
# What only a machine asks for: with -v all of it is shown.
_HEAD = ("timestamp", "level", "event", "job", "correlation_id", "exit_code", "duration_s")


def of(event: dict[str, Any]) -> str:
    """Return what to say of an event; nothing where the command itself says it on stdout."""
    name: str = event["event"]
    if "error" in event:
        return terminal.safe(event["error"])
    sentence = "".join(_choose(part, event) for part in _BY_NAME.get(name, ()))
    if sentence or event["level"] == "info":
        return sentence
    return _MEANINGS.get(name, name) + _details(event)


def _choose(part: str | tuple[str, ...], event: dict[str, Any]) -> str:
    choices = (part,) if isinstance(part, str) else part
    return next(filter(None, (_fill_in(choice, event) for choice in choices)), "")


def _fill_in(part: str, event: dict[str, Any]) -> str:
    keys = [key for _, key, _, _ in string.Formatter().parse(part) if key]
    if any(event.get(key) in (None, []) for key in keys):
        return ""
    return part.format_map({key: _word(key, event[key]) for key in keys})


def _details(event: dict[str, Any]) -> str:
    told = [
        f"{key} {_word(key, value)}"
        for key, value in event.items()
        if key not in (*_HEAD, "hint") and value is not None
    ]
    return f" ({', '.join(told)})" if told else ""


def _word(key: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(terminal.safe, value))
    if key == "rows" and isinstance(value, int):
        return counted(value, "row")
    return "stdin" if (key, value) == ("file", "-") else readable(key, value, 0.0)
