"""The log: one line an event, under 4 KiB, safe and masked, in the form that its reader wants."""

import json
import re
import socket
import subprocess
import sys
import uuid

import machine
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine import Machine

from bangui_cli.states import events
from bangui_cli.telling import log_lines

CONTEXT = {"job": "geo_cache_flush", "correlation_id": "run-1"}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FORMATS = st.sampled_from(["json", "journald", "console"])


def render(log_format="json", level="error", mask_ips=True, **fields):
    return log_lines.render(log_format, level, "an_event", CONTEXT, fields, mask_ips=mask_ips)


def log_on_a_terminal(bangui, *arguments, **environment):
    """Run with stderr on a real terminal; return what it was sent."""
    _, sent = bangui.on_terminal(*arguments, stdout=subprocess.DEVNULL, env=environment)
    return sent


# What a line holds.


def test_a_line_begins_with_the_same_five_fields():
    """In this order, so that a person reads a JSON log, too; the job is null where there is none."""
    event = json.loads(render(error="x", exit_code=74))

    assert list(event) == ["timestamp", "level", "event", "job", "correlation_id", "error", "exit_code"]
    assert TIMESTAMP.fullmatch(event["timestamp"])
    assert (event["job"], event["correlation_id"]) == ("geo_cache_flush", "run-1")


def test_the_job_is_null_outside_the_jobs(bangui):
    """A filter on `job` finds the two jobs alone."""
    (added,) = bangui.run("add", "nonsense").events
    (flushed,) = bangui.run("flush", "--database", "/nonexistent").events

    assert (added["event"], added["job"]) == ("command_failed", None)
    assert (flushed["event"], flushed["job"]) == ("geo_cache_flush_error", "geo_cache_flush")


def test_the_correlation_id_is_on_every_line_in_json_and_in_the_database(bangui):
    """One ID finds all traces of a run, whether it came from the option or the variable."""
    bangui.ok("add", "192.0.2.1")
    option = bangui.ok("flush", "-v", "--json", "--correlation-id", "run 7")
    variable = bangui.ok("heartbeat", "-v", "--json", env={"BANGUI_CORRELATION_ID": "run-8"})

    assert len(option.events) > 1
    assert {event["correlation_id"] for event in option.events} == {"run 7"}
    assert {event["correlation_id"] for event in variable.events} == {"run-8"}
    assert (option.json["correlation_id"], variable.json["correlation_id"]) == ("run 7", "run-8")
    query = "SELECT last_correlation_id FROM job_state ORDER BY job_id"
    assert bangui.rows(query) == [("run 7",), ("run-8",)]


def test_without_an_id_each_run_gets_one_of_its_own(bangui):
    """A UUID4; an empty variable counts as unset."""
    runs = [bangui.ok("flush", "--json", env={"BANGUI_CORRELATION_ID": ""}).json for _ in "12"]

    first, second = (uuid.UUID(run["correlation_id"]) for run in runs)
    assert (first.version, first.variant) == (second.version, second.variant) == (4, uuid.RFC_4122)
    assert first != second
    assert first.version == 4


UNFIT_IDS = ["a\nb", "\x1b[2J", "x" * 129, "\u202e", "\udcff", ""]


@pytest.mark.parametrize("value", UNFIT_IDS, ids=ascii)
def test_an_id_that_would_spoil_a_line_is_refused(bangui, value):
    """2, whichever way it came; the line that says so has an ID of its own."""
    runs = [bangui.run("flush", "--correlation-id", value)]
    if value:
        runs.append(bangui.run("flush", env={"BANGUI_CORRELATION_ID": value}))

    for ended in runs:
        (event,) = ended.events
        assert (ended.code, event["exit_code"], event["event"]) == (2, 2, "geo_cache_flush_error")
        assert "correlation" in event["error"]
        assert uuid.UUID(event["correlation_id"])
    assert "BANGUI_CORRELATION_ID" in runs[-1].events[0]["error"] or not value


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.ip_addresses(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["error", "hint", "exit_code", "path", "old_row", "duration_s"])


@given(FORMATS, st.sampled_from(events.LEVELS), st.dictionaries(NAMES, ANYTHING))
def test_any_fields_make_one_line_under_4_kib(log_format, level, fields):
    """Whatever they hold: one newline, at the end, and JSON where it is JSON."""
    line = log_lines.render(log_format, level, "an_event", CONTEXT, fields, mask_ips=True)

    assert len(line) < 4096
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b"\x1b" not in line
    if log_format != "console":
        # NaN and Infinity, which JSON does not know, would go to `int` and fail there.
        event = json.loads(line[3 if log_format == "journald" else 0 :], parse_constant=int)
        assert list(event)[5:] == list(fields)


@pytest.mark.parametrize("log_format", ["json", "journald", "console"])
def test_huge_fields_are_cut_until_the_line_is_under_4_kib(log_format):
    """What was cut says so; what explains the failure is always there."""
    huge = {f"field{number}": "\N{HONEYBEE}" * 10_000_000 for number in range(3)}
    many = {f"field{number}": [["x" * 100] * 100] * 100 for number in range(100)}

    for fields in (huge, many):
        line = render(log_format, error="e" * 5000, exit_code=74, hint="look here", **fields)
        assert len(line) < 4096
        assert b"look here" in line
        assert b"eeee" in line
        assert b"..." in line


# What a line must not hold.

PLACES = [
    lambda text: text,
    lambda text: f"no answer from {text}:22.",
    lambda text: [text, text],
    lambda text: {"row": {"owner": (text,)}},
    lambda text: text.encode(),
    lambda text: OSError(f"{text} refused"),
]


@pytest.mark.parametrize("place", PLACES, ids=range(len(PLACES)))
@pytest.mark.parametrize(
    ("address", "network"), [("192.0.2.77", "192.0.2.0/24"), ("2001:db8:1:2::77", "2001:db8:1::/48")]
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_address_is_masked_wherever_it_stands(log_format, address, network, place):
    """In any field, however nested; unless the setting says otherwise."""
    masked = render(log_format, detail=place(address)).decode()
    bare = render(log_format, detail=place(address), mask_ips=False).decode()

    assert network in masked
    assert address not in masked
    assert address in bare


def test_an_address_that_is_cut_off_is_not_left_in_half():
    """The mask comes before the cut."""
    for filler in range(1380, 1500):
        line = render(detail="x" * filler + " 192.0.2.177 and 2001:db8:1:2:3:4:5:77").decode()
        assert "192.0.2.1" not in line
        assert "db8:1:2" not in line


@pytest.mark.parametrize("typed", ["192.0.2.77/32", "2001:DB8:0:0::77/128", "::ffff:192.0.2.77/128"])
def test_who_typed_an_address_sees_it_as_it_was_typed(bangui, typed):
    """A person who looks for the mistake in 192.0.2.0/24 does not find it; in a file it stays masked."""
    _, shown = bangui.on_terminal("lookup", typed, env={"NO_COLOR": "1"})
    (logged,) = bangui.run("lookup", typed).events

    assert f"'{typed}' was rejected" in shown
    assert typed not in logged["error"]
    assert "was rejected" in logged["error"]


def test_the_addresses_that_nobody_typed_are_masked_on_a_terminal_too(bangui):
    """A file that is imported may hold those of others."""
    (bangui.home / "rows.csv").write_text("ip,country_code\n192.0.2.77/32,DE\n198.51.100.77/32,DE\n")
    _, shown = bangui.on_terminal("import", "rows.csv", cwd=bangui.home, env={"NO_COLOR": "1"})

    assert "198.51.100.77" not in shown


def test_masking_is_a_setting(bangui):
    """`mask_ips = false` shows the address that was refused."""
    (masked,) = bangui.run("lookup", "192.0.2.77/32").events
    (bare,) = bangui.run("lookup", "192.0.2.77/32", env={"BANGUI_MASK_IPS": "false"}).events

    assert "192.0.2.77" not in masked["error"]
    assert "192.0.2.77" in bare["error"]


@pytest.mark.parametrize(
    "command",
    [
        ["lookup", "192.0.2.77/32"],
        ["add", "192.0.2.77/32"],
        ["add", "2001:db8:1:2::3%eth0"],
        ["lookup", "192.0.2.77", "2001:db8:1:2::3/128"],
    ],
)
def test_what_a_person_typed_is_shown_as_typed_on_that_persons_terminal(bangui, command):
    """A mistyped address cannot be found in a line that masks it; in a file it is masked."""
    code, shown = bangui.on_terminal(*command)
    (event,) = bangui.run(*command).events

    assert (code, event["exit_code"]) == (65, 65)
    assert command[-1] in shown
    assert command[-1] not in event["error"]


HOSTILE = "\x1b[31m[bold]red[/bold]\x1b]0;title\x07\r\n\x9b2J\u202egnp\udcff"


@pytest.mark.parametrize("log_format", ["json", "journald", "console"])
def test_foreign_text_is_never_a_control_sequence(log_format):
    """Neither escapes nor line ends nor markup: what came in is shown as what it is."""
    line = render(log_format, error=HOSTILE, nested={"key": HOSTILE}).decode()

    assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(line)
    assert "[bold]red[/bold]" in line


# Levels.


def test_the_level_decides_what_is_logged(bangui):
    """Debug shows all, info what changed hands or shape, error only failures."""
    fields = {"owner": "web9", "lease_id": "other", "heartbeat_boottime": 0.0}
    seen = {}
    for option in (
        ["-v"],
        ["--log-level", "info"],
        ["--log-level", "warning"],
        ["-q"],
        ["--log-level", "critical"],
    ):
        bangui.ok("heartbeat")
        assignments = ", ".join(f"{key} = '{value}'" for key, value in fields.items())
        bangui.execute(f"UPDATE scheduler_lock SET {assignments}")
        seen[option[-1]] = bangui.ok("heartbeat", *option).event_names

    taken_over, updated = "scheduler_lock_taken_over", "scheduler_lock_heartbeat_updated"
    assert seen == {
        "-v": [taken_over, updated],
        "info": [taken_over],
        "warning": [taken_over],
        "-q": [],
        "critical": [],
    }


def test_the_last_of_several_level_options_counts(bangui):
    """As with any option that is given twice."""
    shown = bangui.ok("config", "show", "--format", "json", "-v", "--log-level", "warning", "-q").json

    assert shown["log_level"] == {"value": "error", "source": "flag -q"}


# Forms.


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3)]
)
def test_journald_gets_the_priority_at_the_first_column(level, priority):
    """sd-daemon(3): one digit in angle brackets."""
    line = render("journald", level)

    assert line.startswith(f"<{priority}>{{".encode())
    assert json.loads(line[3:])["level"] == level


def test_a_pipe_gets_json(bangui):
    """`auto` is JSON wherever neither a person nor journald listens."""
    (event,) = bangui.run("lookup", "nonsense", env={"BANGUI_LOG_FORMAT": "auto"}).events

    assert event["event"] == "command_failed"


def test_a_person_reads_what_happened_and_what_to_do(bangui):
    """On a terminal the error and the hint, in colour, and nothing that only a machine asks for."""
    sent = log_on_a_terminal(bangui, "flush", "--database", "/nonexistent")

    assert "\x1b[" in sent
    assert re.sub(r"\x1b\[\d*m", "", sent) == (
        "bangui: no database at /nonexistent\n"
        "hint: the path comes from flag --database; correct it if it is mistyped, "
        "else create it with: bangui init --database /nonexistent\n"
    )


@pytest.mark.parametrize("is_asked_for", [["-v"], ["--log-level", "debug"]], ids=" ".join)
def test_who_asks_for_everything_reads_the_log_itself(bangui, is_asked_for):
    """One line an event, with its time, its fields and the ID of the run."""
    sent = log_on_a_terminal(bangui, "flush", "--correlation-id", "run-1", *is_asked_for, NO_COLOR="1")

    assert re.fullmatch(
        rf"{TIMESTAMP.pattern} debug    scheduler_lock_created job=geo_cache_flush "
        r"correlation_id=run-1 owner=web1 lease_id=[-0-9a-f]{36} token=1\n",
        sent,
    )


def test_a_log_for_people_in_a_file_has_the_time_of_each_event(bangui):
    """Who reads it has not just typed the command."""
    ended = bangui.run("lookup", "nonsense", "--log-format", "console")

    assert TIMESTAMP.match(ended.stderr)
    assert "command_failed - 'nonsense' was rejected: not an IP address - hint: " in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_bug_shows_its_traceback_to_a_person(bangui):
    """The hint asks to report the line, and it may be the only one that there will ever be."""
    program = [sys.executable, "-c", BUG]
    _, sent = bangui.on_terminal("lookup", "192.0.2.1", program=program, env={"NO_COLOR": "1"})

    assert "command_failed - ZeroDivisionError: division by zero - hint: this is a bug" in sent
    assert "traceback=" in sent


BUG = """
from bangui_cli.access import reading
reading.open_snapshot = lambda path: 1 / 0
from bangui_cli.cli.main import run
run()
"""


def test_what_the_command_says_itself_is_not_logged_beside_it(bare):
    """One sentence of a new database, and no line of fields above it."""
    _, shown = bare.on_terminal("init")

    assert shown.startswith("the database is ")
    assert shown.count("\n") == 1


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}])
def test_a_person_who_wants_no_colours_gets_none(bangui, environment):
    """no-color.org, and terminals that know no escapes."""
    sent = log_on_a_terminal(bangui, "lookup", "nonsense", **environment)

    assert "\x1b" not in sent
    assert "not an IP address" in sent


def test_json_that_was_asked_for_stays_json_on_a_terminal(bangui):
    """The option beats what stderr is."""
    sent = log_on_a_terminal(bangui, "lookup", "nonsense", "--log-format", "json")

    assert json.loads(sent)["event"] == "command_failed"


def test_a_usage_error_shows_the_usage_to_a_person(bangui):
    """One line of usage above the event, and the whole help where no command was given."""
    assert log_on_a_terminal(bangui, "flush", "--bogus").startswith("Usage: bangui flush [OPTIONS]\n")
    assert "Commands:" in log_on_a_terminal(bangui)


@machine.needs("systemd-cat", "journalctl")
def test_the_journal_is_recognised_and_gets_priorities(tmp_path):
    """Under systemd-cat nothing but the socket itself tells: the format must not have to be named."""
    found = Machine(
        tmp_path,
        """
        systemd-cat -t bangui bangui lookup nonsense || true
        systemd-cat -t bangui bangui init -d $OUT/bangui.db
        journalctl --sync
        journalctl -q --no-pager -t bangui -o json > $OUT/journal
        """,
    ).finish()
    entries = [
        (entry["PRIORITY"], json.loads(entry["MESSAGE"])["event"]) for entry in found.lines("journal")
    ]

    assert entries == [("3", "command_failed"), ("6", "database_initialised")]


def test_another_socket_is_not_taken_for_the_journal(bare):
    """A supervisor that collects the log over a socket gets plain JSON."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        bare.run("lookup", "nonsense", stderr=theirs, env={"BANGUI_LOG_FORMAT": "auto"})
        line = ours.recv(65536)

    assert json.loads(line)["event"] == "command_failed"
