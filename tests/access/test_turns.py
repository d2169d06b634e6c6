"""What a schedule starts on a server waits for the turn of its instance; nobody else waits."""

import os
import pty
import subprocess
import time

import pytest
from conftest import Bangui
from relays import open_relay
from servers import OnServer

from bangui_cli.rules.spreading import turn_s


def find_instance(job: str, timeout_s: float, least_s: float, most_s: float) -> str:
    """Return a name whose turn comes between two moments."""
    names = (f"web{number}" for number in range(1000))
    return next(name for name in names if least_s < turn_s(name, job, timeout_s, 60.0) < most_s)


@pytest.mark.parametrize("command", ["heartbeat", "flush"])
def test_a_run_of_a_schedule_waits_for_its_turn_within_the_timeout(on_server: OnServer, command: str):
    """Before it asks the server for anything; what it tells of its duration is the work."""
    instance = find_instance(command, 60, 2, 2.5)
    turn = turn_s(instance, command, 60, 60)
    began_s = time.monotonic()
    ended = on_server.ok(command, "--spread", "--json", "--timeout", 60, "--instance", instance)
    took_s = time.monotonic() - began_s

    assert ended.json["outcome"] == "ok"
    assert took_s >= turn
    # When a process began, it knows by the kernel's ticks and the time that it was not let run.
    assert ended.json["duration_s"] < took_s - turn + 1
    ((age_s,),) = on_server.rows(
        "SELECT extract(epoch FROM last_finished_at::timestamptz - last_started_at::timestamptz)::float8"
        " FROM bangui.job_state"
    )
    assert age_s < took_s - turn + 1


def start_waiting(bangui: Bangui, *arguments: object) -> subprocess.Popen[str]:
    """Start a run that says to a terminal that it waits; return once it has."""
    master, slave = pty.openpty()
    run = bangui.start(*arguments, "--spread", stderr=slave, env={"TERM": "dumb"})
    os.close(slave)
    said = b""
    while b"for the turn of" not in said:
        said += os.read(master, 1000)
    os.close(master)
    return run


def test_who_waits_has_no_connection(on_server: OnServer):
    """A hundred that wait would have a hundred."""
    with open_relay(on_server.server) as relay:
        url = f"postgresql://postgres:x@{relay.address}/{on_server.name}"
        instance = find_instance("flush", 60, 20, 30)
        run = start_waiting(on_server, "flush", "-d", url, "--instance", instance)
        assert relay.connections == 0
        run.terminate()
        assert on_server.end(run).code == 143
        assert relay.connections == 0

        on_server.ok("flush", "-d", url, "--instance", instance)
        assert relay.connections


@pytest.mark.parametrize("command", ["flush", "collect", "status", "report --history"])
def test_a_signal_ends_the_wait(on_server: OnServer, command: str):
    """Within a second, as everywhere."""
    job = {"report --history": "table"}.get(command, command)
    instance = find_instance(job, 60, 20, 30)
    run = start_waiting(on_server, *command.split(), "--instance", instance)
    began_s = time.monotonic()
    run.terminate()

    assert on_server.end(run).code == 143
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("layout", ["prometheus", "nagios"])
def test_a_monitor_is_told_of_settings_that_hold_no_turn(bangui: Bangui, layout: str):
    """What it was told the last time would be taken for how it goes now."""
    ended = bangui.run("status", "--format", layout, "--spread", env={"BANGUI_LOCK_TTL": "soon"})

    assert (layout, ended.code) in {("prometheus", 78), ("nagios", 3)}
    assert "bangui_up 0" in ended.stdout or ended.stdout.startswith("BANGUI UNKNOWN")


# Half of it is more than any test waits for a process.
LONG = {"BANGUI_FLUSH_TIMEOUT": "2h", "BANGUI_FLUSH_INTERVAL": "2h"}


def test_on_a_file_nobody_waits(bangui: Bangui):
    """Its jobs meet no fleet; a schedule that was made for a server does no harm."""
    bangui.ok("flush", "--spread", "--instance", find_instance("flush", 60, 25, 30), env=LONG)


def test_by_hand_nobody_waits(on_server: OnServer):
    """Whoever flushes at a terminal wants it done."""
    on_server.ok("flush", "--instance", find_instance("flush", 60, 25, 30), env=LONG)
