"""A fork of the tests' template is what an interpreter of its own is: to the kernel, and in what it says."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Bangui, Ended, wait_until
from forks import Fork

_ROWS = '{"ip": "192.0.2.1", "country_code": "DE", "org": "Stra\xdfe \u2028"}\n{"ip": "x"}\nno JSON\n'


def both(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> list[Any]:
    """Do the same with a fork and with an interpreter."""
    results = []
    for forks in (True, False):
        monkeypatch.setattr(Bangui, "forks", forks)
        results.append(act())
    return results


def timeless(ended: Ended) -> Ended:
    """Leave out what each run has of its own."""
    return ended._replace(stderr=re.sub(r'"(timestamp|duration_s)": [^,}]+', "", ended.stderr))


def wait_for_input(bangui: Bangui) -> subprocess.Popen[str]:
    """Start what reads its input, and wait until it does."""
    process = bangui.start("import", "-", stdin=subprocess.PIPE, cwd=bangui.home)
    wait_until(lambda: "poll" in Path(f"/proc/{process.pid}/wchan").read_text())
    return process


def seen_by_the_kernel(process: subprocess.Popen[str]) -> dict[str, object]:
    """Return what the kernel keeps of a process."""
    place = Path(f"/proc/{process.pid}")
    status = dict(line.split(":\t", 1) for line in (place / "status").read_text().splitlines())
    names = ("Umask", "Uid", "Gid", "Groups", "Threads", "SigBlk", "SigIgn", "SigCgt", "Seccomp")
    return {
        **{name: status.get(name) for name in names},
        "descriptors": {entry.name: os.stat(entry).st_mode for entry in (place / "fd").iterdir()},
        "directory": os.readlink(place / "cwd"),
        "limits": (place / "limits").read_text(),
        "group": os.getpgid(process.pid),
        "session": os.getsid(process.pid),
    }


def test_the_kernel_keeps_the_same_of_it(bangui: Bangui, monkeypatch: pytest.MonkeyPatch):
    """Descriptors, signals, threads, limits, directory: nothing of the template, or of the tests, is there."""

    def look() -> tuple[bool, dict[str, object]]:
        with wait_for_input(bangui) as process:
            seen = seen_by_the_kernel(process)
            process.communicate("")
        return isinstance(process, Fork), seen

    (is_fork, forked), (is_other_fork, started) = both(monkeypatch, look)

    assert (is_fork, is_other_fork) == (True, False)
    assert forked == started


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["config", "show", "--json"], {"env": {"BANGUI_FLUSH_INTERVAL": "7m"}}),
        (["schedule", "show", "-d", "x.db"], {"cwd": "/"}),
        (["import", "-"], {"input": _ROWS}),
        (["bans", "--by", "nothing"], {}),
        (["lookup", "\udcff", "\u2028\u00df"], {}),
        (["--help"], {"stderr": subprocess.STDOUT}),
        ([], {}),
    ],
    ids=["settings", "schedule", "input", "usage", "no UTF-8", "help", "nothing"],
)
def test_it_says_the_same(
    bangui: Bangui, monkeypatch: pytest.MonkeyPatch, words: list[str], options: dict[str, Any]
):
    """Byte for byte: arguments, variables, input and directory have reached it as they are."""
    monkeypatch.setitem(bangui.environment, "BANGUI_CORRELATION_ID", "same")

    forked, started = both(monkeypatch, lambda: timeless(bangui.run(*words, **options)))

    assert forked == started
    assert forked.stdout + forked.stderr


@pytest.mark.parametrize("words", [["config", "show"], ["lookup", "192.0.2.1"], ["flsuh"]])
def test_it_shows_the_same_on_a_terminal(
    bangui: Bangui, monkeypatch: pytest.MonkeyPatch, words: list[str]
):
    """With its colours and its width."""
    bangui.ok("add", "192.0.2.1", "--org", "Stra\xdfe")

    forked, started = both(monkeypatch, lambda: bangui.on_terminal(*words, env={"COLUMNS": "60"}))

    assert forked == started


def test_its_end_is_told_as_any_other(bangui: Bangui, monkeypatch: pytest.MonkeyPatch):
    """Killed, timed out of, and asked again."""

    def kill() -> list[object]:
        with wait_for_input(bangui) as process:
            before = process.poll()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.01)
            process.kill()
            process.communicate()
        return [before, process.wait(), process.poll(), process.returncode]

    forked, started = both(monkeypatch, kill)

    assert forked == started == [None, -9, -9, -9]


@pytest.mark.parametrize(
    "change", [{"env": {"TZ": "UTC"}}, {"env": {"PYTHONUTF8": "1"}}, {"umask": 0o077}]
)
def test_what_an_interpreter_reads_at_its_start_gets_one(bangui: Bangui, change: dict[str, Any]):
    """As would a locale, limits, another user or another program."""
    with bangui.start("status", **change) as process:
        process.communicate()

    assert not isinstance(process, Fork)
