"""Root's schedule starts no program that another user could change, nor one that obeys what he could."""

import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest
import schedules
from others import give, needs_root, spoil

from bangui_cli.scheduling import program as program_module
from bangui_cli.scheduling.formats import OF_SYSTEM

pytestmark = needs_root
ROOT = Path(__file__).parents[2]


@pytest.fixture
def program(place):
    """Make what stands for a bangui in a venv of root's, with an editable package elsewhere."""
    venv, clone = place / "venv", place / "clone"
    packages = venv / "lib" / "python3.11" / "site-packages"
    for directory in (packages / "click", venv / "bin", clone / "bangui_cli"):
        directory.mkdir(parents=True)
    (packages / "click" / "core.py").touch()
    (packages / "bangui.pth").write_text(f"import os\n{clone}\n")
    for name, interpreter in (("bangui", venv / "bin" / "python3"), ("python3", "/bin/sh")):
        (venv / "bin" / name).write_text(f"#!{interpreter}\n")
        (venv / "bin" / name).chmod(0o755)
    return venv / "bin" / "bangui"


def install(bangui, *arguments, **options):
    """Run `schedule install` with an /etc/cron.d of its own; it shows what was installed."""
    try_out = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/etc/cron.d"]
    if subprocess.run(try_out, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted on /etc/cron.d here")
    script = 'mount -t tmpfs -o mode=755 tmpfs /etc/cron.d && "$@" && cat /etc/cron.d/bangui'
    under = ["unshare", "--mount", "sh", "-c", script, "sh"]
    return bangui.run("schedule", "install", *arguments, under=under, **options)


class TestPrograms:
    """Root's schedule starts no program that another user could change."""

    @pytest.mark.parametrize(
        "name",
        [
            "venv",
            "venv/bin",
            "venv/bin/bangui",
            "venv/bin/python3",
            "venv/lib/python3.11/site-packages",
            "venv/lib/python3.11/site-packages/click/core.py",
            "clone",
            "clone/bangui_cli",
        ],
    )
    @pytest.mark.parametrize("how", ["owner", 0o777], ids=str)
    def test_a_program_of_others_is_not_scheduled(self, bangui, place, program, name, how):
        """Neither the script nor the interpreter that it names, nor the modules that that imports."""
        spoil(place / name, how)
        ended = install(bangui, "--command", program)
        event = ended.events[-1]

        assert (ended.code, ended.stdout) == (77, "")
        assert event["error"].startswith(f"{place / name} ")
        assert f"chown root: {place / name}; chmod go-w {place / name}" in event["hint"]
        assert "python3 -m venv /opt/bangui" in event["hint"]

    def test_an_interpreter_that_pip_wrote_on_the_second_line_counts(self, bangui, place, program):
        """Its path was too long for the first one."""
        python = give(program.with_name("python3"))
        program.write_text(f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n")
        event = install(bangui, "--command", program).events[-1]

        assert event["error"].startswith(f"{python} is another user's")

    def test_the_python_that_a_copied_one_comes_from_counts(self, bangui, place, program):
        """A venv made with --copies has its modules there, and says so in pyvenv.cfg alone."""
        home = place / "python"
        (home / "lib" / "python3.11").mkdir(parents=True)
        (program.parents[1] / "pyvenv.cfg").write_text(f"home = {home}/bin\n")
        library = give(home / "lib" / "python3.11")
        event = install(bangui, "--command", program).events[-1]

        assert event["error"].startswith(f"{library} is another user's")

    def test_a_program_of_roots_own_is_scheduled(self, bangui, program):
        ended = install(bangui, "--command", program)

        assert ended.code == 0
        assert f"{program} flush" in ended.stdout
        assert "schedule_untrusted" not in ended.event_names

    def test_force_warns_and_goes_on(self, bangui, place, program):
        """Of settings and program."""
        settings = place / "bangui.toml"
        settings.touch()
        give(settings)
        give(program)
        ended = install(bangui, "--force", "--command", program, "--config", settings)
        warnings = [event for event in ended.events if event["event"] == "schedule_untrusted"]

        assert ended.code == 0
        assert [event["path"] for event in warnings] == [str(settings), str(program)]
        assert {event["level"] for event in warnings} == {"warning"}

    def test_another_users_jobs_may_run_what_is_his(self, bangui, program):
        """The program is not started as root then."""
        give(program)

        assert install(bangui, "--command", program, "--user", "nobody").code == 0

    def test_what_is_made_for_another_host_may_be_anybodys_here(self, bangui, program, tmp_path):
        give(program)

        bangui.ok("schedule", "install", "--root", tmp_path, "--command", program)

    @pytest.mark.parametrize("format_", ["cron", "systemd"])
    def test_doctor_looks_at_the_program_that_is_installed(self, bangui, place, program, format_):
        """Also after an upgrade that another user made."""
        root = place / "root"
        bangui.ok("schedule", "install", "--root", root, "--command", program, "--format", format_)
        assert {check.verdict for check in program_checks(bangui, root)} == {"ok"}

        give(place / "clone")
        (found,) = program_checks(bangui, root)
        assert (found.verdict, found.exit_code) == ("error", 77)
        assert found.detail.startswith(f"{place}/clone is another user's")

        bangui.ok(
            "schedule",
            "install",
            "--root",
            root,
            "--command",
            program,
            "--format",
            format_,
            "--user",
            "nobody",
        )
        assert program_checks(bangui, root) == []


def program_checks(bangui, root):
    found = schedules.look(bangui, root, *OF_SYSTEM)
    return [check for check in found if check.name == "schedule_program"]


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("* * * * * root [ ! -x /bin/sh ] || /bin/sh flush -d /etc/passwd", ["/bin/sh"]),
        ("*/5 0 1-7 * 1,2 root log=$(/bin/cat --held-ok 2>&1); code=$?", ["/bin/cat"]),
        ("* * * * * root '/bin/ls' '/no/such\\\\\\\\\\%program' > /dev/null", ["/bin/ls"]),
        ("* * * * * nobody /bin/sh", []),
        ("# * * * * * root /bin/sh\nPATH=/bin/sh\n* * * * * root it's", []),
        ('[Service]\nExecStart=:"/bin/sh" "flush"\n', ["/bin/sh"]),
        ("[Service]\nExecStart=:/bin/sh flush\nUser=root\n", ["/bin/sh"]),
        ("[Service]\nExecStart=:/bin/sh flush\nUser=nobody\n", []),
    ],
)
def test_the_programs_of_a_schedule_are_told_from_its_text(text, programs):
    """Whatever else stands in its lines, and whoever wrote them."""
    assert program_module.started_as_root(text) == programs


class TestModule:
    """`python -m bangui_cli` in a schedule imports only what is installed for that Python."""

    @pytest.fixture
    def python(self, place):
        """Make a Python that has what bangui needs, and no script of bangui's beside it."""
        venv.create(place / "python", symlinks=True)
        (packages,) = (place / "python").glob("lib/*/site-packages")
        (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        return place / "python" / "bin" / "python"

    def test_a_checkout_that_is_only_on_the_path_is_not_scheduled(self, bangui, python):
        """No schedule has a PYTHONPATH, or the working directory of today."""
        checkout = {"PYTHONPATH": str(ROOT)}
        bangui_here = [python, "-m", "bangui_cli"]
        ended = install(bangui, program=bangui_here, env=checkout)

        assert (ended.code, ended.stdout) == (66, "")
        assert "finds no bangui_cli of its own" in ended.events[-1]["error"]
        assert "pip install" in ended.events[-1]["hint"]

    def test_what_is_installed_runs_isolated(self, bangui, place, python):
        """A module that lies in the working directory is not taken for one of ours."""
        (packages,) = (place / "python").glob("lib/*/site-packages")
        (packages / "bangui.pth").write_text(f"{ROOT}\n")
        ended = install(bangui, program=[python, "-m", "bangui_cli"])
        assert f"{python} -I -m bangui_cli flush" in ended.stdout

        (place / "click.py").write_text("raise SystemExit(99)")
        assert bangui.run("--version", program=[python, "-m", "bangui_cli"], cwd=place).code != 0
        assert bangui.run("--version", program=[python, "-I", "-m", "bangui_cli"], cwd=place).code == 0
