"""Whatever fails: one final event that explains it, the right exit code, never a bare traceback."""

import json
import random
import signal
import sys
import time
from contextlib import closing

import pytest
from failures import final_event
from workload import needs_root

FAILURES = [
    (["bogus"], 2),
    (["--bogus"], 2),
    ([], 2),
    (["lock"], 2),
    (["flush", "extra"], 2),
    (["flush", "--timeout"], 2),
    (["flush", "--timeout", "0"], 2),
    (["flush", "-h", "--bogus"], 2),
    (["flush", "--wait", "-1"], 2),
    (["flush", "--batch-size", "0"], 2),
    (["heartbeat", "--log-level", "loud"], 2),
    (["add"], 2),
    (["lookup"], 2),
    (["status", "--format", "xml"], 2),
    (["add", "192.0.2.0/24"], 65),
    (["add", "192.0.2.1", "--country-code", "DEU"], 65),
    (["add", "192.0.2.1", "--asn", "x"], 65),
    (["add", "192.0.2.1", "--resolved-at", "2999-01-01"], 65),
    (["lookup", "example.com"], 65),
    (["add", "192.0.2.1", "-d", "missing.db"], 66),
    (["flush", "-d", "missing.db"], 66),
    (["heartbeat", "-d", "missing.db"], 66),
    (["lookup", "192.0.2.1", "-d", "missing.db"], 66),
    (["status", "-d", "missing.db"], 66),
    (["lock", "show", "-d", "missing.db"], 66),
    (["lock", "release", "-d", "missing.db"], 66),
    (["init", "-d", "/proc/missing/bangui.db"], 73),
    (["lock", "release", "--lease", "none-such"], 75),
    (["config", "show", "--config", "/nonexistent"], 78),
    (["flush", "--config", "/nonexistent"], 78),
]


@pytest.mark.parametrize(
    ("command", "code"), FAILURES, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_failure_is_one_event_at_any_level(bangui, command, code):
    """Also where the operator asked for silence: a mail from cron is worth a line."""
    env = {"BANGUI_LOG_LEVEL": "critical"}
    ended = bangui.run(*command, env=env, cwd=bangui.home)

    event = final_event(ended)
    assert (ended.code, ended.stdout) == (code, "")
    job = {"flush": "geo_cache_flush", "heartbeat": "scheduler_lock_heartbeat"}.get("".join(command[:1]))
    assert event["job"] == job
    assert event["event"] == (f"{job}_error" if job else "command_failed")


@pytest.mark.parametrize("option", ["-q", "-v"])
def test_neither_silence_nor_noise_hides_it(bare, option):
    """The final event comes last, whatever else is logged."""
    for command in (["flush"], ["lookup", "192.0.2.1"]):
        assert final_event(bare.run(*command, option))["exit_code"] == 66


def test_a_jobs_json_is_there_for_a_run_that_never_began(bare):
    """A script that reads the object need not tell the failures apart."""
    missing = bare.run("flush", "--json")
    refused = bare.run("flush", "--json", env={"BANGUI_BATCH_SIZE": "0"})
    misused = bare.run("heartbeat", "--json", "--bogus", "--correlation-id", "run-1")

    assert [missing.code, refused.code, misused.code] == [66, 78, 2]
    for ended in (missing, refused, misused):
        assert ended.json["outcome"] == "error"
        assert ended.json["lock"] == dict.fromkeys(("outcome", "owner", "lease_id", "token"))
        assert ended.json["correlation_id"] == final_event(ended)["correlation_id"]
    assert misused.json["correlation_id"] == "run-1"


@pytest.mark.parametrize(
    "command", [["-v", "flush"], ["-d", "x.db", "status"], ["lock", "-d", "x.db", "show"]]
)
def test_an_option_before_the_command_is_told_where_it_belongs(bare, command):
    """Every other tool has some there; a mere "no such option" is no help."""
    event = final_event(bare.run(*command))

    assert event["exit_code"] == 2
    assert event["hint"].endswith("--help; options stand after the command's name")


def test_a_mistake_does_not_cost_the_form_of_the_log(bare):
    """What can be read of the command line still says how to log."""
    ended = bare.run("flush", "--log-format", "journald", "--bogus", "--correlation-id", "run-1")

    assert ended.stderr.startswith("<3>{")
    assert json.loads(ended.stderr[3:])["correlation_id"] == "run-1"


def test_a_broken_settings_file_does_not_cost_the_form_of_the_log(bare):
    """The variables and the options still say how to log."""
    file = bare.home / "bangui.toml"
    file.write_text("nonsense")
    ended = bare.run("status", "--config", file, env={"BANGUI_LOG_FORMAT": "journald"})

    assert ended.stderr.startswith("<3>{")
    assert str(file) in json.loads(ended.stderr[3:])["error"]


def test_the_hint_for_a_missing_database_can_be_pasted(bare):
    """It names the database that was asked for, quoted, and making that one helps."""
    path = bare.home / "it's a new.db"
    hint = final_event(bare.run("flush", "-d", path))["hint"]
    _, command = hint.split(": ", 1)

    assert command == f"""bangui init --database '{bare.home}/it'"'"'s a new.db'"""


# What should not happen.


IMPORTS = (
    "import sys\nfrom bangui_cli.store.sqlite import store\nfrom bangui_cli.rules import validation"
)


def run_broken(bangui, breakage, *arguments):
    """Run bangui with something in it replaced; `breakage` is Python that does so."""
    code = f"{IMPORTS}\n{breakage}\nfrom bangui_cli.cli.main import run\nrun()"
    return bangui.run(*arguments, program=[sys.executable, "-c", code])


def raising(error):
    return f"def fail(*_, **__): raise {error}\nvalidation.make_entry = fail\nstore.SqliteStore.situation = fail"


@pytest.mark.parametrize(
    "command", [["add", "192.0.2.1"], ["flush", "--json"], ["heartbeat"]], ids=" ".join
)
def test_a_bug_is_one_line_with_its_traceback_in_it(bangui, command):
    """1, under 4 KiB, the end of the traceback first; what the operator should do is report it."""
    ended = run_broken(bangui, raising("KeyError('x' * 9000)"), *command)
    event = final_event(ended)

    assert ended.code == 1
    assert len(ended.stderr) < 4096
    assert event["error"].startswith("KeyError: 'xxx")
    assert event["traceback"].startswith("KeyError: 'xxx")
    assert "report it" in event["hint"]
    if "--json" in command:
        assert ended.json["outcome"] == "error"


def test_a_bug_without_end_is_one_line_too(bangui):
    """A recursion that blew the stack leaves enough of it to say so."""
    breakage = "def fail(*fields, **named): return fail(*fields, **named)\nvalidation.make_entry = fail"
    event = final_event(run_broken(bangui, breakage, "add", "192.0.2.1"))

    assert event["error"].startswith("RecursionError")
    assert "in fail" in event["traceback"]


OS_ERRORS = [
    ("OSError(5, 'Input/output error', '/dev/sda')", 74, "dmesg"),
    ("OSError(28, 'No space left on device')", 74, "df -h"),
    ("OSError(122, 'Disk quota exceeded')", 74, "df -h"),
    ("OSError(13, 'Permission denied', '/x')", 77, "run as"),
    ("OSError(30, 'Read-only file system')", 77, "read-only"),
    ("OSError(24, 'Too many open files')", 69, "ulimit"),
    ("OSError(12, 'Cannot allocate memory')", 69, "free memory"),
    ("MemoryError()", 69, "free memory"),
    ("OSError('without a number')", 74, "dmesg"),
]


@pytest.mark.parametrize(("error", "code", "hint"), OS_ERRORS)
def test_an_error_of_the_system_that_nothing_foresaw_is_a_state(bangui, error, code, hint):
    """Disk, memory and permission are the operator's business, no bug to report."""
    ended = run_broken(bangui, raising(error), "flush")
    event = final_event(ended)

    assert ended.code == code
    assert hint in event["hint"]
    assert "traceback" not in event


def test_a_broken_log_is_told_in_one_line(bangui):
    """Without structlog the event is bare, but there is one, and no traceback."""
    event = final_event(run_broken(bangui, "sys.modules['structlog'] = None", "add", "nonsense"))

    assert event["error"] == "ModuleNotFoundError"


UNRAISABLE = """
class Fragile:
    def __del__(self):
        raise ValueError

make_entry = validation.make_entry
validation.make_entry = lambda *fields, **named: (Fragile(), make_entry(*fields, **named))[1]
"""


def test_what_python_cannot_raise_it_does_not_print(bangui):
    """A second signal within the handling of the first had its traceback on stderr, and no JSON."""
    ended = run_broken(bangui, UNRAISABLE, "add", "192.0.2.1")

    assert (ended.code, ended.stderr) == (0, "")


HANGING = """
from bangui_cli.host import clocks, deadline
from bangui_cli.host.watchdog import Watchdog

def fail(*_):
    raise MemoryError

watchdog = Watchdog()
watchdog.start(fail)
watchdog.keep(deadline.for_run(clocks.monotonic_s(), 0.1), fail, fail)
clocks.sleep_s(1)
watchdog.claim_finish(0)
"""


def test_a_watchdog_that_cannot_report_ends_the_process_all_the_same(bare):
    """124 without words; the main thread used to wait for it for ever."""
    assert bare.run(program=[sys.executable, "-c", HANGING]).code == 124


# Another process may fill a pipe between the look at it and the write, and then goes on to hold it.
STUCK = """
import time
from bangui_cli.host import clocks, terminal
terminal.write_line = clocks.sleep_s = lambda *_: time.sleep(100)
"""


@pytest.mark.parametrize("job", ["heartbeat", "flush"])
@pytest.mark.parametrize(("blocked", "code"), [(False, 0), (True, 124)], ids=["done", "late"])
def test_a_report_that_hangs_does_not_keep_a_job(bangui, job, blocked, code):
    """Neither the pass that is done nor the watchdog of a pass that hangs waits for a reader."""
    with closing(bangui.connect()) as other:
        other.execute("BEGIN EXCLUSIVE" if blocked else "SELECT 1")
        ended = run_broken(bangui, STUCK, job, "--json", "--timeout", "1.5")

    assert (ended.code, ended.stdout, ended.stderr) == (code, "", "")


# A world that lacks something.


def no_descriptor_beyond(limit):
    """Return a program that may open files below this number only."""
    allow = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))"
    return [sys.executable, "-c", f"from bangui_cli.cli.main import run\n{allow}\nrun()"]


@pytest.mark.parametrize("limit", range(3, 12))
@pytest.mark.parametrize("command", [["heartbeat"], ["status"], ["add", "192.0.2.1"]], ids=" ".join)
def test_a_lack_of_descriptors_is_called_by_its_name(bangui, command, limit):
    """From our first line on: neither a traceback, nor a bug, nor damage."""
    ended = bangui.run(*command, program=no_descriptor_beyond(limit))

    assert ended.code in (0, 69), ended
    if ended.code:
        event = final_event(ended)
        assert "ulimit" in event["hint"]
        assert "traceback" not in event


@needs_root
def test_a_missing_null_device_is_called_by_its_name(bangui):
    """A closed stdin is filled with it; a container without /dev has none."""
    bare_world = 'mount -t tmpfs none /dev; exec "$@" <&-'
    ended = bangui.run("heartbeat", under=["unshare", "--mount", "sh", "-c", bare_world, "sh"])
    event = final_event(ended)

    assert ended.code == 69
    assert "/dev/null" in event["error"]
    assert "mount /dev" in event["hint"]


# Signals.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_with_its_number(bangui, number):
    """128 + n, with the event that says so, wherever the command waits."""
    blocker = bangui.connect()
    blocker.execute("BEGIN EXCLUSIVE")
    process = bangui.start("add", "192.0.2.1")
    bangui.wait_until_opened(process)
    process.send_signal(number)
    ended = bangui.end(process)
    blocker.close()

    assert ended.code == 128 + number
    assert final_event(ended)["error"] == f"ended by {number.name}"


def test_a_signal_at_any_moment_leaves_no_traceback_of_ours(bangui):
    """While the interpreter itself starts, a Ctrl-C shows its own; from our first line on there is none."""
    chance = random.Random(2)
    for _ in range(25):
        process = bangui.start("flush", "--json")
        time.sleep(chance.uniform(0.005, 0.12))
        process.send_signal(chance.choice([signal.SIGINT, signal.SIGTERM]))
        ended = bangui.end(process)

        if ended.code in (130, 143):
            final_event(ended)
        # 1: "Could not import runpy module", of the interpreter.
        assert ended.code in (0, 1, 130, 143, -signal.SIGINT, -signal.SIGTERM), ended
        assert ended.code != 1 or '"event"' not in ended.stderr, ended
        assert "bangui_cli/cli/main.py" not in ended.stderr, ended


def test_an_ignored_signal_stays_ignored(bangui):
    """Under nohup, and in a shell's background, they mean it."""
    blocker = bangui.connect()
    blocker.execute("BEGIN EXCLUSIVE")
    process = bangui.start(
        "add", "192.0.2.1", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    bangui.wait_until_opened(process)
    process.send_signal(signal.SIGHUP)
    blocker.close()

    assert bangui.end(process).code == 0
