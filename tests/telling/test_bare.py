"""The last words of a process that may import nothing say what the log would have said."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.states import events
from bangui_cli.telling import bare

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
OBJECTS = st.dictionaries(st.text(), PLAIN | st.dictionaries(st.text(), PLAIN, max_size=3), max_size=5)


def finite(value):
    """Return a value with what JSON cannot say as the text that stands for it."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


@given(OBJECTS)
def test_what_it_writes_is_json(value):
    """ASCII on one line, whatever a name holds: half a surrogate, a quote, a terminal's control."""
    text = bare.to_json(value)

    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == finite(value)


FIELDS = {
    "error": "the timeout of 1 s ended the pass",
    "exit_code": 124,
    "hint": "raise it",
    "flushed": None,
}


@pytest.mark.parametrize(("log_format", "prefix"), [("json", ""), ("auto", ""), ("journald", "<3>")])
def test_an_event_is_one_line_of_json(log_format, prefix):
    """With the same head as any other event, and with the priority that journald takes off it."""
    line = bare.render(
        log_format, events.FLUSH_TIMEOUT, {"job": "j", "correlation_id": "c"}, FIELDS
    ).decode()

    assert line.startswith(prefix)
    assert line.endswith("\n")
    event = json.loads(line.removeprefix(prefix))
    assert list(event)[:5] == ["timestamp", "level", "event", "job", "correlation_id"]
    assert (event["event"], event["level"], event["job"]) == ("geo_cache_flush_timeout", "error", "j")
    assert FIELDS.items() <= event.items()


def test_a_person_gets_words():
    """What happened and what to do; a name cannot move the cursor."""
    fields = {**FIELDS, "error": "no \x1b[2J file"}
    line = bare.render("console", events.COMMAND_FAILED, {}, fields).decode()

    assert line.endswith("command_failed - no \\x1b[2J file - raise it\n")


def test_a_person_at_the_terminal_gets_no_more_than_words():
    """As of any failure: what happened, and what to do on a line of its own; both have an end."""
    line = bare.render("terminal", events.COMMAND_FAILED, {}, {**FIELDS, "error": "e\n" * 9000}).decode()

    assert line.startswith("bangui: e\\ne")
    assert line.endswith("\nhint: raise it\n")
    assert (line.count("\n"), len(line) < 4096) == (2, True)


def test_a_long_text_is_cut():
    """A line stays under the 4 KiB that a pipe takes at once."""
    fields = {**FIELDS, "error": "\N{CJK UNIFIED IDEOGRAPH-65E5}" * 9000, "path": "x" * 9000}
    line = bare.render("json", events.COMMAND_FAILED, {}, fields)

    assert len(line) < 4096
    assert json.loads(line)["exit_code"] == 124
