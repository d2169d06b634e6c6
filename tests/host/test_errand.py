"""A child answers as another user, and has nothing of root's to lose."""

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import wait_until
from others import NOBODY, needs_root

from bangui_cli.host.errand import Ended, Errand
from bangui_cli.states.errors import NoInput, OutOfResources, PermissionRefused, Unavailable


@contextmanager
def answering(answer=lambda question: question):
    """Be ready to answer."""
    yield answer


def errand(answer=lambda question: question, user=None):
    return Errand(lambda: answering(answer), user)


@pytest.mark.parametrize("question", [None, 1, -(2**63), 0.1, "ü\0", [1, ["a", None]], "x" * 3_000_000])
def test_what_is_asked_arrives_and_what_is_answered_comes_back(question):
    """Also what fills the pipe more than once."""
    with errand() as asked:
        assert [question, question] == [asked.ask(question), asked.ask(question)]


def test_bytes_are_asked_as_they_are_and_come_back_as_characters():
    """JSON, which can do no harm, knows no bytes."""
    with errand(lambda question: [type(question).__name__, question]) as asked:
        assert asked.ask(bytes(range(256))) == ["bytes", bytes(range(256)).decode("latin-1")]


@pytest.mark.parametrize("question", [compile("1", "", "eval"), {1}, 1j])
def test_nothing_but_plain_values_can_be_asked(question):
    """The child may be root's, and the process that asks another user's by now, or that user's prey."""
    with errand(lambda question: type(question).__name__) as asked, pytest.raises(Ended):
        asked.ask(question)


def test_bytes_arrive_in_whatever_they_are_asked():
    """A key of fail2ban's database comes back as what it was read as."""
    question = ["fetch", ["SELECT :after", {"after": b"\xff\0", "rows": 1, "bytes": "a"}]]

    with errand(repr) as asked:
        assert asked.ask(question) == repr(question)


@needs_root
def test_the_child_is_another_user_with_nothing_open_of_roots(tmp_path):
    """Whoever leads it astray must not get at what root has open, or back to root."""
    secret = tmp_path / "secret"
    secret.write_text("of root's")

    def look(_):
        return [os.getresuid(), os.getresgid(), os.getgroups(), sorted(map(_identity, range(256)))]

    with secret.open() as opened, errand(look, (NOBODY, NOBODY)) as asked:
        user, group, groups, files = asked.ask(None)

        assert (set(user), set(group), 0 in groups) == ({NOBODY}, {NOBODY}, False)
        assert _identity(opened.fileno()) not in files
        assert _identity(1) not in files


def _identity(descriptor):
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return 0


@pytest.mark.parametrize(
    ("raised", "state"),
    [
        (NoInput("no file", hint="look", path="/absent"), NoInput),
        (MemoryError(), OutOfResources),
        (PermissionError(13, "Permission denied"), PermissionRefused),
        (ZeroDivisionError("a bug"), Unavailable),
    ],
)
def test_what_fails_there_is_raised_here(raised, state):
    """With its exit code and its hint, also while it gets ready, and each time that it is asked."""

    def fail(_=None):
        raise raised

    with errand(fail) as asked, Errand(fail) as unready:
        for each in (asked, unready, asked, unready):
            with pytest.raises(state) as failure:
                each.ask(None)
            assert type(failure.value) is state
    assert state is not NoInput or failure.value.__dict__ == raised.__dict__


@pytest.mark.parametrize(
    "words",
    [
        b"", b"\0\0", b"\xff" * 8, (5).to_bytes(8) + b"{}{}{",
        (2).to_bytes(8) + b"[]", (10).to_bytes(8) + b'["failed"]', (26).to_bytes(8) + b'["failed","Record","",""]  ',
        (20_000).to_bytes(8) + b"[" * 20_000,
    ],
)  # fmt: skip
def test_a_child_that_was_led_astray_says_nothing_that_is_believed(words):
    """It may write anything; what is no answer ends the errand."""

    def babble(_):
        os.write(max(number for number in range(3, 64) if _identity(number)), words)
        os._exit(0)

    with errand(babble) as asked, pytest.raises(Ended):
        asked.ask(None)


def test_a_child_that_dies_or_hangs_is_left():
    """The run says so, and does not wait for it."""
    with errand(lambda _: os.kill(os.getpid(), signal.SIGSEGV)) as asked, pytest.raises(Ended):
        asked.ask(None)
    began_s = time.monotonic()
    with errand(lambda _: time.sleep(60)) as asked:
        os.write(asked._asks, (1).to_bytes(8) + b"N")
    assert time.monotonic() - began_s < 10


@pytest.mark.parametrize("user", [None, pytest.param((NOBODY, NOBODY), marks=needs_root)])
def test_the_child_dies_with_its_parent(user):
    """Also once it is another user, which makes the kernel forget."""
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        with errand(lambda busy: time.sleep(60) if busy else os.getpid(), user) as asked:
            os.write(writer, str(asked.ask(False)).encode())
            asked.ask(True)
        os._exit(0)
    child = int(os.read(reader, 16))
    wait_until(lambda: "nanosleep" in Path(f"/proc/{child}/wchan").read_text())
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    for descriptor in (reader, writer):
        os.close(descriptor)

    wait_until(lambda: not _is_running(child), within_s=5)


def _is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as fields:
            return fields.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
