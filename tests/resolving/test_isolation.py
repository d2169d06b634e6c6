"""Work in a child process: its result comes back, and nothing that happens to it harms the run."""

import errno
import os
import signal
import subprocess
import sys
import time

import hostile_mmdb
import pytest
from conftest import wait_until
from geoip import country, write_mmdb
from others import NOBODY, give, needs_root

from bangui_cli.host.children import die_with
from bangui_cli.resolving import isolation
from bangui_cli.resolving.isolation import ChildFailed, Limits, run_in_child

LIMITS = Limits(cpu_s=30)


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def spin():
    while True:
        pass


def children(pid):
    """Return the processes that a process has started; none once it is gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as listed:
            return [int(child) for child in listed.read().split()]
    except FileNotFoundError:
        return []


def cpu_ticks(pid):
    """Return how much a process has worked so far."""
    with open(f"/proc/{pid}/stat") as status:
        return int(status.read().rpartition(") ")[2].split()[11])


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_the_result_comes_back():
    """Plain values of any size."""
    value = ["192.0.2.1", None, 2**128] * 100_000

    assert run_in_child(lambda: value, LIMITS) == value


def test_what_the_work_raises_is_told():
    """As a failure of the child, with the reason."""
    with pytest.raises(ChildFailed, match="KeyError: 'country'"):
        run_in_child(lambda: {}["country"], LIMITS)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_crash_is_told_by_its_signal(number):
    """Whatever kills it, this process goes on."""
    with pytest.raises(ChildFailed, match=number.name):
        run_in_child(lambda: os.kill(os.getpid(), number), LIMITS)


def test_a_child_that_the_kernel_kills_is_no_fault_of_the_file():
    """So ends who is chosen when memory runs out: the operator must not be sent for a new file."""
    with pytest.raises(OSError, match="SIGKILL") as caught:
        run_in_child(lambda: os.kill(os.getpid(), signal.SIGKILL), LIMITS)

    assert caught.value.errno == errno.ENOMEM


def test_a_child_that_sleeps_is_given_up():
    """The kernel's alarm ends it also in the middle of a C function, as on a disk that is dead."""

    def hang():
        signal.alarm(1)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        while True:
            time.sleep(10)

    with pytest.raises(OSError, match="no answer within 150 s"):
        run_in_child(hang, LIMITS)


def test_a_child_that_works_for_ever_is_given_up():
    """By its CPU time, however busy the machine is."""
    with pytest.raises(ChildFailed, match="no answer within 1 s of CPU time"):
        run_in_child(spin, Limits(cpu_s=1))


def test_a_child_that_wants_too_much_memory_is_given_up():
    """Beside what this process has, and the files that it maps."""
    limits = Limits(cpu_s=30, mapped_bytes=32 << 20, memory_bytes=64 << 20)

    assert run_in_child(lambda: len(bytearray(80 << 20)), limits) == 80 << 20
    with pytest.raises(ChildFailed, match="more than 64 MiB of memory"):
        run_in_child(lambda: bytearray(1 << 30) and None, limits)


def test_a_limit_from_outside_is_no_fault_of_the_file():
    """Given `ulimit -v`, memory that runs out is the system's matter."""
    code = """
import resource
from bangui_cli.resolving.isolation import Limits, run_in_child
resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
try:
    run_in_child(lambda: bytearray(300 << 20) and None, Limits(cpu_s=30))
except OSError as error:
    print(error.strerror)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "Cannot allocate memory\n"


def test_an_answer_without_an_end_is_given_up(monkeypatch):
    """A child whose memory is corrupt may write anything, and for ever."""
    monkeypatch.setattr(isolation, "_ANSWER_LIMIT_BYTES", 100_000)

    with pytest.raises(ChildFailed, match="no end"):
        run_in_child(lambda: "x" * 10_000_000, LIMITS)


def test_an_exit_without_an_answer_is_told():
    """A library that calls exit() is no result."""
    with pytest.raises(ChildFailed):
        run_in_child(lambda: os._exit(0), LIMITS)


def test_an_interrupted_run_takes_its_child_along():
    """Ctrl-C does not leave a process behind, nor a descriptor or a zombie."""
    before, began_s = (open_descriptors(), children(os.getpid())), time.monotonic()
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)

    with pytest.raises(KeyboardInterrupt):
        run_in_child(lambda: time.sleep(60), LIMITS)

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert time.monotonic() - began_s < 30
    assert (open_descriptors(), children(os.getpid())) == before


def test_a_run_that_is_killed_takes_its_child_along(bangui, tmp_path):
    """Nothing else would end a child that is busy with a hostile file: `timeout -s KILL`, the OOM killer."""
    endless = hostile_mmdb.write_endless(tmp_path / "endless.mmdb")
    process = bangui.start("resolve", "192.0.2.1", "--geoip-db", endless)
    wait_until(lambda: children(process.pid))
    [child] = children(process.pid)
    wait_until(lambda: cpu_ticks(child) > 10)  # it is in the midst of its work

    process.kill()
    bangui.end(process)

    wait_until(lambda: not is_running(child), within_s=2)


def test_a_child_that_comes_too_late_to_die_with_its_parent_dies_at_once():
    """The parent may be gone before the kernel is asked to watch it."""
    pid = os.fork()
    if pid == 0:
        die_with(os.getpid())  # which is not its parent
        os._exit(7)

    assert os.waitpid(pid, 0)[1] == 0


def test_the_child_says_nothing_on_the_streams_of_the_run(capfd):
    """The C library's last words would be no event on stderr."""

    def last_words():
        try:
            os.write(2, b"malloc(): invalid next size")
        except OSError:
            pass

    run_in_child(last_words, LIMITS)

    assert capfd.readouterr() == ("", "")


@needs_root
def test_a_file_of_another_user_is_read_with_that_users_rights(bangui, place):
    """The C reader trusts its file: whoever wrote it would do as root what that file makes it do."""
    theirs = give(hostile_mmdb.write_endless(place / "endless.mmdb"), 0o600)
    os.chown(theirs, NOBODY, 0)  # as `chown nobody FILE` leaves it
    process = bangui.start("resolve", "192.0.2.1", "--geoip-db", theirs)
    try:
        wait_until(lambda: [child for child in children(process.pid) if identities(child) == {NOBODY}])
        (child,) = children(process.pid)
    finally:
        process.kill()
        process.communicate()
    wait_until(lambda: not is_running(child))


@needs_root
def test_a_sound_file_of_another_user_is_read_as_roots_own(bangui, place):
    """Nobody else may read it, and its owner may not read where bangui is installed."""
    theirs = write_mmdb(place / "country.mmdb", {"192.0.2.0/24": country("DE", "Germany")})
    give(theirs, 0o600)

    assert bangui.ok("resolve", "192.0.2.1", "--geoip-db", theirs, "--json").json["resolved"] == 1


@needs_root
def test_a_sound_file_of_a_user_without_a_name_is_read(bangui, place):
    """As a container's are that runs with a bare ID; its group is root's."""
    theirs = write_mmdb(place / "country.mmdb", {"192.0.2.0/24": country("DE", "Germany")})
    os.chown(theirs, 45678, 0)
    theirs.chmod(0o600)

    assert bangui.ok("resolve", "192.0.2.1", "--geoip-db", theirs, "--json").json["resolved"] == 1


@needs_root
def test_what_another_user_leads_root_to_is_not_quoted(bangui, place):
    """A link in the place of the file would bring the first line of any file into the log."""
    secret = place / "secret"
    secret.write_text("root:$y$j9T$secret\n")
    secret.chmod(0o600)
    (place / "theirs").mkdir()
    link = give(place / "theirs") / "country.mmdb"
    link.symlink_to(secret)

    led = bangui.run("resolve", "192.0.2.1", "--geoip-db", give(link))
    own = bangui.run("resolve", "192.0.2.1", "--geoip-db", secret)

    assert (led.code, own.code) == (65, 65)
    assert "is no MMDB file" in led.events[-1]["error"]
    assert "$y$" not in led.stderr
    assert "is text: 'root:$y$j9T$secret'" in own.events[-1]["error"]


@needs_root
def test_a_root_that_can_become_nobody_says_what_to_do(bangui, place):
    """As in a container without any capability."""
    theirs = give(write_mmdb(place / "country.mmdb", {"192.0.2.0/24": country("DE", "Germany")}))
    without = "--bounding-set=-setuid,-setgid"
    ended = bangui.run(
        "lookup", "192.0.2.1", "--resolve", "--geoip-db", theirs, under=["setpriv", without]
    )

    assert ended.code == 77
    assert f"chown root: {theirs}" in ended.events[-1]["hint"]


def identities(pid):
    """Return all IDs of users and groups that a process has or could take back."""
    try:
        with open(f"/proc/{pid}/status") as status:
            lines = [line.split() for line in status]
    except FileNotFoundError:
        return set()
    return {
        int(word) for key, *words in filter(None, lines) if key in ("Uid:", "Gid:") for word in words
    }
