"""A process ends when it is asked to, or its time is over, also where the main thread hangs in the kernel."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest
from conftest import wait_until
from fail2bans import Fail2banDatabase
from geoip import country, write_mmdb
from hanging import hanging_file, hanging_journal, is_hanging
from invariants import check_run

# The promise is 1 s; the rest is what a busy machine takes to start the watchdog's last thread.
WITHIN_S = 1.0
ATTEMPTS = 3
# An end that leaves less time than this was none that waits.
HASTE_S = 0.4
COMMANDS = [
    ["doctor"],
    ["status"],
    ["add", "192.0.2.1"],
    ["lookup", "192.0.2.1"],
    ["report"],
    ["init"],
    ["lock", "show"],
    ["import", "rows.jsonl"],
    ["flush", "--json"],
    ["heartbeat", "--json"],
]
# The same code carries these: one signal is enough.
OF_THE_HISTORY = [
    ["report", "--history"],
    ["report", "--history", "--format", "html"],
    ["bans"],
    ["prune", "--compact"],
    ["forget", "192.0.2.1"],
    ["export", "--output", "export.jsonl"],
    ["import", "--history", "rows.jsonl"],
    ["collect", "--no-resolve", "--fail2ban=bans.db"],
]
OF_FAIL2BAN = [
    ["report", "--fail2ban=bans.db"],
    ["collect", "--no-resolve", "--fail2ban=bans.db"],
    ["resolve", "--fail2ban=bans.db", "--geoip-db", "country.mmdb"],
]
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
JOBS = ("flush", "heartbeat")

# Looks so often, and gives up so soon, that a test need not wait for what an operator would.
IMPATIENT = """
from bangui_cli.host import watchdog
watchdog._LOOK_EVERY_S, watchdog.LONGEST_CALL_S = 0.05, 0.5
from bangui_cli.cli.main import run
run()
"""
IMPATIENCE_S = 0.5
BUSY = "import time; until = time.monotonic() + 2; all(iter(lambda: time.monotonic() < until, False))"


def impatient(bangui, *arguments, breakage="", **options):
    """Start bangui with a watchdog that takes half a second for a dead file system."""
    return bangui.start(*arguments, program=[sys.executable, "-c", breakage + IMPATIENT], **options)


def hang(bangui, *command):
    """Start a command that hangs in the kernel; return it once it does."""
    (bangui.home / "rows.jsonl").write_text('{"ip": "192.0.2.3"}\n')
    process = bangui.start(*command, cwd=bangui.home)
    wait_until(lambda: is_hanging(process.pid))
    return process


def end_by(bangui, process, *numbers, pause_s=0.0):
    """Send signals; return how the process ended, and how long after the last of them."""
    for number in numbers[:-1]:
        process.send_signal(number)
        time.sleep(pause_s)
    began_s = time.monotonic()
    process.send_signal(numbers[-1])
    ended = bangui.end(process)
    return ended, time.monotonic() - began_s


@pytest.mark.parametrize(
    ("command", "number"),
    [(command, number) for command in COMMANDS for number in SIGNALS]
    + [(command, signal.SIGTERM) for command in OF_THE_HISTORY],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_signal_ends_a_command_that_hangs_in_the_kernel(bangui, command, number):
    """Where only kill -9 helped: no handler of Python's runs while SQLite opens a file again and again."""
    Fail2banDatabase(bangui.home / "bans.db").ban("192.0.2.9", 1_790_000_000)
    require_end_by(bangui, command, number, lambda: hanging_journal(bangui.database))


@pytest.mark.parametrize("command", OF_FAIL2BAN, ids=" ".join)
def test_a_signal_ends_a_wait_for_fail2bans_database(bangui, mmdb, command):
    """Its disk may be dead where that of bangui's own is not."""
    bans = Fail2banDatabase(bangui.home / "bans.db")
    require_end_by(bangui, command, signal.SIGTERM, lambda: hanging_file(bans.path))


def require_end_by(bangui, command, number, hanging):
    """Hold a command that hangs to its end by a signal, within a second at best."""
    took_s = []
    while not took_s or (min(took_s) > WITHIN_S and len(took_s) < ATTEMPTS):
        with hanging():
            ended, seconds = end_by(bangui, hang(bangui, *command), number)
        took_s.append(seconds)

    check_run(ended.code, ended.stderr)
    assert ended.code == 128 + number
    assert ended.events[-1]["error"] == f"ended by {number.name}"
    assert min(took_s) <= WITHIN_S
    if command[0] in JOBS:
        assert ended.json["outcome"] == "error"
        assert (ended.json["flushed"], ended.json["remaining"]) == (None, None)
        assert ended.events[-1]["job"] == ended.json["job"]


@pytest.mark.parametrize("command", [["status"], ["flush", "--json"]], ids=" ".join)
def test_a_second_signal_ends_it_at_once(bangui, command):
    """With its event all the same, and not after the time that the first one leaves for an orderly end."""
    with hanging_journal(bangui.database):
        numbers = (signal.SIGINT, signal.SIGTERM)
        ended, took_s = end_by(bangui, hang(bangui, *command), *numbers, pause_s=0.3)

    check_run(ended.code, ended.stderr)
    assert ended.code == 128 + signal.SIGTERM
    assert took_s < 0.4


@pytest.mark.parametrize("pause_s", [0.0, 0.02])
def test_two_signals_at_once_are_one_request(bangui, pause_s):
    """timeout(1) signals the process and then its group: the run has to get its orderly end."""
    with closing(bangui.connect()) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = bangui.start("heartbeat", "--json", "--timeout", "30")
        bangui.wait_until_opened(process)
        ended, _ = end_by(bangui, process, signal.SIGTERM, signal.SIGTERM, pause_s=pause_s)

    (event,) = ended.events
    assert (ended.code, event["error"]) == (128 + signal.SIGTERM, "ended by SIGTERM")
    assert ended.json["flushed"] == 0  # the run counted by itself


def test_two_signals_at_once_leave_the_time_for_an_orderly_end(bangui):
    """The second of them is not the impatience of a person, also where the first could do nothing yet."""
    longest_s, attempts = 0.0, 0
    while longest_s < HASTE_S and attempts < ATTEMPTS:  # on a busy machine they may come one by one
        attempts += 1
        with hanging_journal(bangui.database):
            # Of two of one number that come at once the kernel keeps one.
            ended, took_s = end_by(bangui, hang(bangui, "status"), signal.SIGHUP, signal.SIGTERM)
        longest_s = max(longest_s, took_s)

    assert longest_s >= HASTE_S
    assert ended.code in (128 + signal.SIGHUP, 128 + signal.SIGTERM)


def test_a_job_that_hangs_ends_at_its_timeout_whatever_signals_come(bangui):
    """A signal shortens a run and never prolongs it."""
    began_s = time.monotonic()
    with hanging_journal(bangui.database):
        process = hang(bangui, "heartbeat", "--timeout", "1.2", "--json")
        time.sleep(max(began_s + 1.0 - time.monotonic(), 0))
        process.terminate()
        ended = bangui.end(process)

    check_run(ended.code, ended.stderr)
    assert ended.code in (124, 128 + signal.SIGTERM)
    assert ended.json["duration_s"] <= 1.5


@pytest.mark.parametrize("command", [*COMMANDS[:8]], ids=" ".join)
def test_a_command_without_a_timeout_ends_on_a_dead_file_system(bangui, command):
    """75, and what to look at; it used to stay, with its memory and its place in a crontab, for ever."""
    (bangui.home / "rows.jsonl").write_text('{"ip": "192.0.2.3"}\n')
    with hanging_journal(bangui.database):
        ended = bangui.end(impatient(bangui, *command, cwd=bangui.home))

    check_run(ended.code, ended.stderr)
    assert ended.code == 75
    assert "has not answered" in ended.events[-1]["error"]
    assert "dmesg" in ended.events[-1]["hint"]


@pytest.mark.torture
def test_it_ends_within_45_s_in_earnest(bangui):
    """The kernel gives a lease back after as long: this is the call that comes back last of all."""
    with hanging_journal(bangui.database):
        began_s = time.monotonic()
        ended = bangui.run("status")
        took_s = time.monotonic() - began_s

    assert (ended.code, ended.event_names) == (75, ["command_failed"])
    assert 40 <= took_s <= 45


# What takes long and is none of that.


def test_an_import_waits_for_a_pipe_as_long_as_it_takes(bangui):
    """A producer may pause, and so may one that has not even opened its end of a named pipe."""
    pipe = bangui.home / "pipe"
    os.mkfifo(pipe)
    process = impatient(bangui, "import", "-", pipe, "--json", stdin=subprocess.PIPE)
    time.sleep(3 * IMPATIENCE_S)
    process.stdin.write('{"ip": "192.0.2.3"}\n')
    process.stdin.flush()
    time.sleep(3 * IMPATIENCE_S)
    process.stdin.close()
    process.stdin = None
    time.sleep(3 * IMPATIENCE_S)
    pipe.write_text('{"ip": "192.0.2.4"}\n')

    ended = bangui.end(process)
    assert (ended.code, ended.json["staged"]) == (0, 2)


def test_an_answer_waits_for_its_reader(bangui):
    """As in `bangui lookup … | less`."""
    addresses = [f"2001:db8::{number:x}" for number in range(3000)]
    process = impatient(bangui, "lookup", "--json", *addresses)
    time.sleep(4 * IMPATIENCE_S)

    ended = bangui.end(process)
    assert (ended.code, len(ended.json)) == (1, 3000)


def test_a_stopped_process_goes_on(bangui):
    """It did nothing while it was stopped, and so did its watchdog."""
    with closing(bangui.connect()) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = impatient(bangui, "add", "192.0.2.1")
        bangui.wait_until_opened(process)
        process.send_signal(signal.SIGSTOP)
        time.sleep(3 * IMPATIENCE_S)
    process.send_signal(signal.SIGCONT)

    assert bangui.end(process).code == 0


def test_a_wait_for_another_programs_lock_is_none(bangui):
    """It has a limit of its own, and an event that says who is in the way."""
    with closing(bangui.connect()) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = impatient(bangui, "add", "192.0.2.1")
        time.sleep(4 * IMPATIENCE_S)

    assert bangui.end(process).code == 0


def test_long_work_is_none(bangui):
    """It is the CPU that is busy then."""
    bangui.ok("add", "192.0.2.1")
    breakage = (
        f"from bangui_cli.telling import output\ndef work(_):\n    {BUSY}\noutput.print_table = work\n"
    )
    began_s = time.monotonic()
    ended = bangui.end(impatient(bangui, "lookup", "192.0.2.1", breakage=breakage))

    assert ended.code == 0
    assert time.monotonic() - began_s > 2 * IMPATIENCE_S


@pytest.fixture
def mmdb(bangui):
    """Write an MMDB file."""
    return write_mmdb(bangui.home / "country.mmdb", {"1.2.3.0/24": country("AU", "Australia")})


def test_a_person_may_type_addresses_slowly(bangui, mmdb):
    """As in `bangui resolve -` on a terminal."""
    process = impatient(bangui, "resolve", "-", "--json", "--geoip-db", mmdb, stdin=subprocess.PIPE)
    time.sleep(4 * IMPATIENCE_S)

    ended = bangui.end(process, "1.2.3.4\n")
    assert (ended.code, ended.json["staged"]) == (0, 1)


CHILD = """
from bangui_cli.resolving import mmdb
describe = mmdb._describe
def late(reader):
    {work}
    return describe(reader)
mmdb._describe = late
"""


def test_a_child_that_works_is_none(bangui, mmdb):
    """The MMDB reader may take its time in its process, while this one only waits."""
    busy = CHILD.format(work=BUSY)
    began_s = time.monotonic()
    ended = bangui.end(
        impatient(bangui, "resolve", "1.2.3.4", "--json", "--geoip-db", mmdb, breakage=busy)
    )

    assert (ended.code, ended.json["staged"]) == (0, 1)
    assert time.monotonic() - began_s > 2 * IMPATIENCE_S


def test_a_child_that_hangs_is_one(bangui, mmdb):
    """A file on a dead disk hangs the reader's process."""
    stuck = CHILD.format(work="import time; time.sleep(20)")
    began_s = time.monotonic()
    ended = bangui.end(impatient(bangui, "resolve", "1.2.3.4", "--geoip-db", mmdb, breakage=stuck))

    assert (ended.code, ended.event_names) == (75, ["command_failed"])
    assert time.monotonic() - began_s < 10


# Compares 30 MB at each of 30 million places, without a look at anything else.
ENDLESS_CHECK = "instr(zeroblob(60000000), CAST(zeroblob(30000000) || x'01' AS BLOB)) = 0"


def test_a_step_of_sqlite_without_an_end_ends_by_the_cpu_time_that_it_takes(bangui):
    """In one step SQLite asks nobody whether to go on: what another hand wrote could keep a run for days."""
    with closing(bangui.connect()) as other:
        (made,) = other.execute(
            "SELECT sql FROM sqlite_schema WHERE name = 'geo_cache_dirty'"
        ).fetchone()
        columns, _, options = made.rpartition(")")
        other.executescript(f"DROP TABLE geo_cache_dirty; {columns}, CHECK ({ENDLESS_CHECK})){options}")
    lower = "from bangui_cli.store.sqlite import session\nsession.ENDLESS_CPU_S = 0.5\n"

    ended = bangui.end(impatient(bangui, "add", "192.0.2.1", breakage=lower))

    check_run(ended.code, ended.stderr)
    assert (ended.code, ended.event_names) == (65, ["command_failed"])
    assert "kept one statement busy" in ended.events[0]["error"]
    assert bangui.ok("status", "--format", "json").json["dirty"]["rows"] == 0
