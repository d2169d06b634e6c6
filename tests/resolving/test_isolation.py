"""Work in a child process: its result comes back, and nothing that happens to it harms the run."""

import os
import signal
import time

import pytest

from bangui_cli.resolving.isolation import ChildFailed, run_in_child


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def test_the_result_comes_back():
    """Plain values of any size."""
    assert (
        run_in_child(lambda: ["192.0.2.1", None, 2**128] * 100_000)
        == ["192.0.2.1", None, 2**128] * 100_000
    )


def test_what_the_work_raises_is_told():
    """As a failure of the child, with the reason."""
    with pytest.raises(ChildFailed, match="KeyError: 'country'"):
        run_in_child(lambda: {}["country"])


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGKILL])
def test_a_crash_is_told_by_its_signal(number):
    """Whatever kills it, this process goes on."""
    with pytest.raises(ChildFailed, match=number.name):
        run_in_child(lambda: os.kill(os.getpid(), number))


def test_a_child_that_hangs_is_given_up():
    """The kernel's alarm ends it also in the middle of a C function."""

    def hang():
        signal.alarm(1)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        while True:
            time.sleep(10)

    with pytest.raises(ChildFailed, match="no answer within"):
        run_in_child(hang)


def test_an_exit_without_an_answer_is_told():
    """A library that calls exit() is no result."""
    with pytest.raises(ChildFailed):
        run_in_child(lambda: os._exit(0))


def test_an_interrupted_run_takes_its_child_along():
    """Ctrl-C does not leave a process behind, nor a descriptor or a zombie."""
    before, began_s = open_descriptors(), time.monotonic()
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)

    with pytest.raises(KeyboardInterrupt):
        run_in_child(lambda: time.sleep(60))

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert time.monotonic() - began_s < 30
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert open_descriptors() == before


def test_the_child_says_nothing_on_the_streams_of_the_run(capfd):
    """The C library's last words would be no event on stderr."""
    run_in_child(lambda: os.write(2, b"malloc(): invalid next size") and None)

    assert capfd.readouterr() == ("", "")
