"""Whether a process gets on is told by what its threads are in and by the CPU time that they use."""

import os
import subprocess
import sys
import threading

import pytest
from conftest import wait_until

from bangui_cli.host import clocks, vitals
from bangui_cli.host.vitals import Pulse, feel_pulse, is_still

READ, WRITE = "0 0x3 0x7f\n", "1 0x3 0x7f\n"
STILL = {
    "in the same call": (Pulse((READ,), 1.0), Pulse((READ,), 1.0), True),
    "woken in it now and then": (Pulse((READ,), 1.0), Pulse((READ,), 1.02), True),
    "in another call": (Pulse((READ,), 1.0), Pulse((WRITE,), 1.0), False),
    "in the same call again": (Pulse((READ,), 1.0), Pulse((READ,), 1.2), False),
    "one of its threads in another": (Pulse((READ, READ), 1.0), Pulse((READ, WRITE), 1.0), False),
    "with a new thread": (Pulse((READ,), 1.0), Pulse((READ, READ), 1.0), False),
    "nobody may see in what, and idle": (Pulse(("",), 1.0), Pulse(("",), 1.000001), True),
    "nobody may see in what, and it works": (Pulse(("",), 1.0), Pulse(("",), 1.0001), False),
    "waiting for others since": (Pulse((READ,), 1.0), None, False),
    "waiting for others until now": (None, Pulse((READ,), 1.0), False),
}


@pytest.mark.parametrize("case", STILL)
def test_still_is_who_waits_for_one_call(case):
    """2.5 s apart: whoever does something else, or more of the same, is alive."""
    before, now, expected = STILL[case]

    assert is_still(before, now, 2.5) is expected


@pytest.fixture
def waiting_thread():
    """Run a thread that sits in a read from a pipe."""
    reader, writer = os.pipe()
    thread = threading.Thread(target=os.read, args=(reader, 1))
    thread.start()
    yield thread
    os.write(writer, b"x")
    thread.join()
    os.close(reader)
    os.close(writer)


def test_a_thread_that_waits_is_seen_in_its_call(waiting_thread):
    """With the arguments of the call: a read of the next page is another."""
    wait_until(lambda: any(call.startswith("0 0x") for call in feel_pulse().calls))
    before, now = feel_pulse(), feel_pulse()

    assert before.calls == now.calls


def test_patience_knows_no_stillness():
    """Nor does one wait within another end it."""
    with vitals.patience(), vitals.patience():
        assert feel_pulse() is None
    with vitals.patience():
        assert feel_pulse() is None
    assert feel_pulse() is not None


def test_a_file_is_no_reason_for_patience(tmp_path):
    """Behind it is a disk, behind a pipe a person."""
    reader, writer = os.pipe()
    with open(tmp_path / "file", "wb") as file, vitals.patience_with(file.fileno()):
        assert feel_pulse() is not None
    with vitals.patience_with(writer):
        assert feel_pulse() is None
    os.close(reader)
    os.close(writer)


def run_python(code):
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_the_work_of_a_child_counts():
    """One that computes is not still, one that waits for a disk is."""
    with run_python("while True: pass") as busy, vitals.helped_by(busy.pid):
        used_s = clocks.cpu_of_s(busy.pid)
        before = feel_pulse()
        wait_until(lambda: clocks.cpu_of_s(busy.pid) > used_s + 0.01)
        assert before.calls != feel_pulse().calls
        busy.kill()

    with run_python("print('up', flush=True); import sys; sys.stdin.read()") as idle:
        with vitals.helped_by(idle.pid):
            idle.stdout.readline()
            wait_until(lambda: feel_pulse().calls == feel_pulse().calls)
        idle.kill()


def test_a_child_that_has_gone_has_used_nothing():
    """Its ID may be looked up in the moment of its end."""
    assert clocks.cpu_of_s(2**22) == 0


PIECE, OTHER = vitals.Task(1.0, Exception), vitals.Task(1.0, Exception)


@pytest.mark.parametrize(
    ("before", "now", "cpu_s"),
    [
        (Pulse((), 1.0, PIECE), Pulse((), 3.5, PIECE), 2.5),
        (Pulse((), 1.0, PIECE), Pulse((), 3.5, OTHER), 0.0),
        (Pulse((), 1.0, PIECE), Pulse((), 3.5), 0.0),
        (Pulse((), 1.0), Pulse((), 3.5), 0.0),
        (None, Pulse((), 3.5, PIECE), 0.0),
    ],
)
def test_cpu_time_counts_for_a_piece_of_work_only_where_it_was_the_only_one(before, now, cpu_s):
    """Many short statements in a row may take as long as they like."""
    assert cpu_s == vitals.cpu_for_one_task_s(before, now)
