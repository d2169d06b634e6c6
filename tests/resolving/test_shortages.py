"""What the system withholds is called by its name: the operator is not sent for another file."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import geoip
import pytest
from others import NOBODY, give, needs_root

from bangui_cli.resolving import files
from bangui_cli.states.errors import OutOfResources

COUNTRY = geoip.MAXMIND / "GeoLite2-Country-Test.mmdb"
RESOLVE = ["resolve", "81.2.69.142", "--geoip-db", COUNTRY]
ALONE = """
import resource
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
from bangui_cli.cli.main import run
run()
"""

needs_unshare = pytest.mark.skipif(
    not shutil.which("unshare") or os.geteuid() != 0, reason="wants unshare and root"
)


def without(directory):
    """Return the beginning of a command line that runs the rest with an empty directory there."""
    return ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {directory} && exec "$@"', "sh"]


@needs_unshare
def test_a_host_without_proc_is_told_so(bangui):
    """The reader comes to the opened file through /proc."""
    ended = bangui.run(*RESOLVE, under=without("/proc"))

    assert ended.code == 69
    assert "/proc is not mounted" in ended.events[0]["error"]


@needs_unshare
def test_a_host_without_proc_is_told_so_by_doctor(bangui):
    """As the finding of one check among all the others."""
    ended = bangui.run(
        "doctor", "--json", under=without("/proc"), env={"BANGUI_GEOIP_DB_PATH": str(COUNTRY)}
    )
    checks = {check["name"]: check for check in ended.json["checks"]}

    assert "/proc is not mounted" in checks["geoip_db"]["detail"]
    assert "clock" in checks


@needs_unshare
def test_a_host_without_dev_null_resolves(bangui):
    """As in a bare container: nothing there is needed."""
    assert bangui.ok(*RESOLVE, "--json", under=without("/dev")).json["resolved"] == 1


@pytest.mark.skipif(not shutil.which("prlimit"), reason="prlimit is not installed")
@pytest.mark.parametrize("descriptors", range(5, 11))
def test_a_lack_of_descriptors_is_never_blamed_on_the_file(bangui, descriptors):
    """It works with what there is, or says what is missing, as doctor does."""
    limit = ["prlimit", f"--nofile={descriptors}"]
    resolved = bangui.run(*RESOLVE, under=limit)
    examined = bangui.run("doctor", "--json", under=limit, env={"BANGUI_GEOIP_DB_PATH": str(COUNTRY)})

    assert resolved.code in (0, 69)
    assert all("Too many open files" in event["error"] for event in resolved.events)
    if examined.stdout:
        [check] = [each for each in examined.json["checks"] if each["name"] == "geoip_db"]
        assert check["verdict"] != "error" or "Too many open files" in check["detail"]


def test_a_directory_that_cannot_be_listed_for_want_of_descriptors_is_not_empty(monkeypatch):
    """Else an operator would be told that there is no MMDB file."""

    def refuse(_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "listdir", refuse)

    with pytest.raises(OutOfResources, match="Too many open files"):
        files.find_paths(())


@needs_root
def test_a_user_who_may_start_no_more_processes_is_told_so(bangui):
    """fork() fails with EAGAIN, which no disk is to blame for."""
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    with tempfile.TemporaryDirectory(prefix="bangui-nobody-") as home:
        database, country = Path(home) / "bangui.db", Path(home) / "country.mmdb"
        shutil.copy(bangui.database, database)
        shutil.copy(COUNTRY, country)
        for path in (Path(home), database, country):
            give(path)
        if bangui.run("--version", under=as_nobody).code:
            pytest.skip("nobody cannot run this Python and this source")
        ended = bangui.run(
            "resolve", "192.0.2.1", "--geoip-db", country, "-d", database,
            under=as_nobody, program=[sys.executable, "-c", ALONE], env={"PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip

    assert ended.code == 69
    assert "ulimit" in ended.events[0]["hint"]
