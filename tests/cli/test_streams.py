"""Streams that are closed, full, broken or read by nobody: the pass goes on, its result is its own."""

import fcntl
import os
import pty
import re
import shutil
import subprocess
import sys

import pytest
from conftest import Bangui

STAGED = ["add", "192.0.2.1", "--country-code", "DE", "--org", "Zürich \N{CJK UNIFIED IDEOGRAPH-65E5}"]
# Every kind of command, with what it returns while its streams are sound.
COMMANDS = [
    (STAGED, 0),
    (["import", "--json", "good.jsonl"], 0),
    (["import", "--json", "bad.jsonl"], 65),
    (["flush", "--json", "-v"], 0),
    (["heartbeat", "--json", "-v"], 0),
    (["lookup", "192.0.2.1"], 0),
    (["lookup", "192.0.2.99"], 1),
    (["status"], 0),
    (["lock", "show"], 0),
    (["config", "show"], 0),
    (["init"], 0),
    (["lookup", "nonsense"], 65),
    (["flush", "--json", "-d", "missing.db"], 66),
    (["flush", "--bogus"], 2),
]
CHANGING = {"add", "import", "init", "flush", "heartbeat"}

each_command = pytest.mark.parametrize(
    ("command", "code"), COMMANDS, ids=lambda value: value[0] if isinstance(value, list) else str(value)
)


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """Make a database with one entry dirty and one cached."""
    bangui = Bangui(tmp_path_factory.mktemp("worked"))
    bangui.ok("init")
    bangui.ok("add", "192.0.2.2", "--country-code", "FR")
    bangui.ok("flush")
    bangui.ok(*STAGED)
    return bangui.database


@pytest.fixture
def busy(bangui, worked):
    """Run bangui with one entry dirty and one cached."""
    shutil.copy(worked, bangui.database)
    (bangui.home / "good.jsonl").write_text('{"ip": "192.0.2.3"}\n')
    (bangui.home / "bad.jsonl").write_text('{"ip": "192.0.2.4"}\n{"ip": "no"}\n')
    return bangui


@pytest.fixture
def broken_pipe():
    """Make a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def stalled_pipe():
    """Return a pipe that is full and that nobody reads, with its other end."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 1024)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    return reader, writer


def closing(*descriptors):
    def close():
        for descriptor in descriptors:
            os.close(descriptor)

    return close


@each_command
def test_what_nobody_can_read_changes_no_result(busy, broken_pipe, command, code):
    """Closed, broken or full: the exit code is that of the work."""
    with open("/dev/full", "wb") as full:
        for streams in (
            {"preexec_fn": closing(0, 1, 2), "stdout": None, "stderr": None},
            {"stdout": broken_pipe, "stderr": broken_pipe},
            {"stdout": subprocess.DEVNULL, "stderr": full},
        ):
            assert busy.run(*command, **streams, cwd=busy.home).code == code, streams


@each_command
def test_a_result_that_found_no_room_is_a_failure_of_what_was_to_be_read(busy, command, code):
    """74 for a command that is run for its answer; what changes the database has done so all the same."""
    with open("/dev/full", "wb") as full:
        ended = busy.run(*command, stdout=full, cwd=busy.home)

    if command[0] in CHANGING or code not in (0, 1):
        assert ended.code == code
        return
    assert ended.code == 74
    (event,) = ended.events
    assert "cannot write to stdout: No space left" in event["error"]


def test_help_that_found_no_room_is_a_failure_too(bare, broken_pipe):
    """74, as any answer; a reader that has seen enough is none."""
    with open("/dev/full", "wb") as full:
        assert bare.run("--help", stdout=full).code == 74
    assert bare.run("--help", stdout=broken_pipe).code == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_that_nobody_reads_does_not_hang_a_job(busy, stream):
    """The row is in the cache, the exit code 0, and the time is a fraction of the timeout."""
    reader, writer = stalled_pipe()
    ended = busy.run("flush", "--json", "-v", "--timeout", "20", **{stream: writer})
    os.close(reader)
    os.close(writer)

    assert ended.code == 0
    assert busy.rows("SELECT count(*) FROM geo_cache_dirty") == [(0,)]


def test_a_reader_that_is_slow_gets_everything_from_a_stream_that_does_not_wait(busy):
    """A terminal shared with a program that made it non-blocking must not cut an answer short."""
    addresses = [f"2001:db8::{number:x}" for number in range(1, 3001)]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with busy.start("lookup", "--json", *addresses, stdout=writer) as process:
        os.close(writer)
        with open(reader, "rb") as answers:
            answer = answers.read()
        process.communicate()

    assert process.returncode == 1
    assert answer.count(b'"unknown"') == 3000


def test_no_file_of_ours_takes_the_place_of_a_closed_stream(bare):
    """A library that writes to descriptor 2 must not write into a file of ours."""
    tell = (
        "from pathlib import Path; Path('descriptor').write_text(str(os.open('/dev/zero', os.O_RDONLY)))"
    )
    code = f"import os; from bangui_cli.host import terminal; terminal.open_missing_streams(); {tell}"
    bare.run(program=[sys.executable, "-c", code], preexec_fn=closing(0, 1, 2), cwd=bare.home)

    assert int((bare.home / "descriptor").read_text()) > 2


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_a_name_that_the_locale_lacks_is_escaped_not_lost(busy, locale):
    """Cron has no locale: the table is printed all the same."""
    shown = busy.ok("lookup", "192.0.2.1", env=locale, encoding="utf-8").stdout

    assert "192.0.2.1" in shown
    assert "Zürich 日" in shown or r"Z\xfcrich \u65e5" in shown


def test_a_command_that_succeeds_says_nothing(bangui):
    """Cron mails every line that a job prints."""
    for command in (STAGED, ["flush"], ["heartbeat"], ["init", "-q"]):
        ended = bangui.ok(*command)
        assert (ended.stdout, ended.stderr) == ("", "")


HANGING = """
import os
import pty
from bangui_cli.jobs.run import Run
from bangui_cli.telling import progress
progress._PATIENCE_S = progress._REFRESH_S = 0
under_fence = Run.under_fence
def move_or_hang(self, *arguments):
    return under_fence(self, *arguments) if self.report.counts["flushed"] == 0 else os.read(os.pipe()[0], 1)
Run.under_fence = move_or_hang
from bangui_cli.cli.main import run
run()
"""


def test_a_bar_that_nobody_finishes_leaves_the_terminal_as_it_was(bangui):
    """A run that hangs is ended around its bar, which hides the cursor."""
    for number in range(3):
        bangui.ok("add", f"192.0.2.{number}")
    program = [sys.executable, "-c", HANGING]
    code, shown = bangui.on_terminal("flush", "--batch-size", "1", "--timeout", "2", program=program)

    hidden, restored = "\x1b[?25l", "\x1b[?25h"
    assert code == 124
    assert hidden in shown
    assert restored in shown[shown.rindex(hidden) :]
    assert "the timeout of 2 s ended the pass" in shown.splitlines()[-2]


WATCHED = """
from bangui_cli.host import terminal
from bangui_cli.telling import progress
progress._PATIENCE_S = progress._REFRESH_S = 0
terminal.stderr_is_screen = lambda: True
from bangui_cli.cli.main import run
run()
"""


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_terminal_that_cannot_draw_gets_no_bar(bangui, environment):
    """Nor the empty line that the end of a bar leaves there."""
    patience = "from bangui_cli.telling import progress\nprogress._PATIENCE_S = 0\n"
    program = [sys.executable, "-c", patience + "from bangui_cli.cli.main import run\nrun()"]
    bangui.ok("add", "192.0.2.1")
    _, shown = bangui.on_terminal("flush", program=program, env=environment)

    assert shown.startswith("flushed 1 row ")


def test_a_terminal_that_goes_away_does_not_end_a_pass(bangui):
    """The bar is lost, the rows are flushed: a closed window is no failure of the disk."""
    for number in range(3):
        bangui.ok("add", f"192.0.2.{number}")
    with open("/dev/full", "wb") as gone:
        ended = bangui.run(
            "flush", "--json", "--batch-size", "1", program=[sys.executable, "-c", WATCHED], stderr=gone
        )

    assert ended.code == 0
    assert (ended.json["outcome"], ended.json["flushed"]) == ("ok", 3)


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (["lookup", "-"], b"192.0.2.1\n"),
        (["import"], b'{"ip": "192.0.2.1"}\n'),
        (["import", "-", "-q"], b'{"ip": "192.0.2.1"}\n'),
    ],
    ids=str,
)
def test_who_is_to_type_the_input_is_told_so(bangui, arguments, typed):
    """A command that waits for its input looks as if it hung; a script's never waits."""
    keyboard, stdin = pty.openpty()
    os.write(keyboard, typed + b"\x04")
    _, shown = bangui.on_terminal(*arguments, stdin=stdin)
    _, piped = bangui.on_terminal(*arguments)
    os.close(keyboard)
    os.close(stdin)

    sentence = "reading what is typed here; Ctrl-D ends it\n"
    assert shown.startswith(sentence) == ("-q" not in arguments)
    assert sentence not in piped


def test_who_waits_for_a_lock_is_told_for_whom(bangui):
    """Once, and only where a person waits; then it ends as a held lock does."""
    bangui.ok("heartbeat", "--instance", "web2")
    code, shown = bangui.on_terminal("flush", "--wait", "0.5", env={"NO_COLOR": "1"})
    quiet = bangui.on_terminal("flush", "--wait", "0.2", "-q", "--held-ok")

    assert code == 75
    assert re.match("waiting for 0 s at most: the lock is held by web2, pid ", shown)
    assert shown.count("waiting") == 1
    assert shown.splitlines()[1].startswith("bangui: the lock is held by web2, ")
    assert quiet == (0, "")
    assert bangui.run("flush", "--wait", "0.2").event_names == ["scheduler_lock_held_by_other_instance"]
