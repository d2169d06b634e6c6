"""A run that the system denies files, memory or access says so, and harms nothing."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from invariants import Ledger, check_database, check_run, read_entries
from workload import add_command, make_entries, needs_root, small_disk, stage

ROWS = 3000
MIB = 1024 * 1024

needs_prlimit = pytest.mark.skipif(not shutil.which("prlimit"), reason="prlimit is not installed")


def _limited(bangui, limit, *command):
    ended = bangui.run(*command, under=["prlimit", f"--{limit}"])
    if ended.stderr.startswith("{"):
        check_run(ended.code, ended.stderr)
    return ended


@pytest.fixture
def staged(bangui):
    """Return entries that wait for a flush."""
    entries = make_entries(ROWS)
    stage(bangui.database, entries)
    return entries


def _check_nothing_lost(bangui, staged):
    check_database(bangui.database, Ledger(staged))
    bangui.ok("flush")

    assert (Ledger(staged).newest, {}) == read_entries(bangui.database)


@needs_prlimit
@pytest.mark.torture
def test_files_that_may_not_grow_are_an_io_error(bangui, staged):
    """At each limit the flush works or ends with 74."""
    sizes_kib = range(4, 800, 40)
    codes = [_limited(bangui, f"fsize={size * 1024}", "flush").code for size in sizes_kib]

    assert codes[0] == 74
    assert set(codes) <= {0, 74}
    _check_nothing_lost(bangui, staged)


@needs_prlimit
@pytest.mark.torture
@pytest.mark.parametrize("command", ["flush", "status", "init"])
def test_a_lack_of_memory_or_descriptors_harms_nothing(bangui, staged, command):
    """From the moment that Python has loaded the program, it ends with one event of its own."""
    limits = [f"as={mib * MIB}" for mib in range(12, 60, 3)] + [f"nofile={n}" for n in range(3, 12)]
    for limit in limits:
        _limited(bangui, limit, command)
        check_database(bangui.database, Ledger(staged))
    _check_nothing_lost(bangui, staged)


ALONE = """
import resource
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
from bangui_cli.cli.main import run
run()
"""


@needs_root
@pytest.mark.torture
def test_a_user_who_may_start_no_more_processes_runs_jobs(bangui, staged):
    """The watchdog has no thread then; the pass does its work all the same, or ends at its timeout."""
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    alone = {"under": as_nobody, "program": [sys.executable, "-c", ALONE]}
    bangui.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    with tempfile.TemporaryDirectory(prefix="bangui-nobody-") as home:
        database = Path(home) / "bangui.db"
        shutil.copy(bangui.database, database)
        for path in (Path(home), database):
            os.chown(path, 65534, 65534)
        if bangui.run("--version", under=as_nobody).code:
            pytest.skip("nobody cannot run this Python and this source")
        late = bangui.run("flush", "-d", database, "--timeout", "0.01", **alone)
        check_run(late.code, late.stderr)
        assert late.code == 124
        assert bangui.ok("heartbeat", "-d", database, **alone) == (0, "", "")
        assert bangui.ok("flush", "-d", database, "--json", **alone).json["flushed"] == ROWS
        check_database(database, Ledger(staged))


@needs_prlimit
def test_the_report_of_a_lack_of_memory_is_an_event(bangui):
    """The last words need no import: at most of these limits there is too little for any."""
    for mib in range(18, 34, 3):
        ended = bangui.run("flush", under=["prlimit", f"--as={mib * MIB}"])
        if ended.code and "bangui_cli/__main__" not in ended.stderr:
            check_run(ended.code, ended.stderr)


@needs_root
@pytest.mark.torture
@pytest.mark.parametrize("journal", [[], ["--journal-mode", "wal", "--force"]], ids=["delete", "wal"])
def test_a_read_only_file_system_is_no_permission(bare, journal):
    """Writers end with 77; readers read, but for a WAL database, which SQLite must write to read."""
    with small_disk(bare.home / "disk", 1024) as directory:
        bare.environment["BANGUI_DATABASE_PATH"] = str(directory / "bangui.db")
        bare.ok("init", *journal)
        bare.ok("add", "192.0.2.1")
        bare.ok("heartbeat")
        subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
        for command in (["flush"], ["heartbeat"], add_command(make_entries(1)[0]), ["lock", "release"]):
            ended = bare.run(*command)
            check_run(ended.code, ended.stderr)
            assert ended.code == 77, ended
        read = bare.run("lookup", "192.0.2.1")
        check_run(read.code, read.stderr)
        assert read.code == (77 if journal else 0)
