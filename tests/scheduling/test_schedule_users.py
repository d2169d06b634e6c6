"""Who runs the jobs: the owner of the database, unless they need something that is root's."""

import os
import shutil
import sys
from pathlib import Path

import others
import pytest
from conftest import Bangui
from others import NOBODY, become, give, needs_root
from schedules import job_lines

import bangui_cli

pytestmark = needs_root
PACKAGE = Path(bangui_cli.__file__).parent
UNIT = "etc/systemd/system/bangui-flush.service"


@pytest.fixture
def app(initialised):
    """Run bangui, as root, on a database that another user has, by a program that all may run."""
    if not others.succeeds_as(NOBODY, lambda: os.listdir(PACKAGE)):
        pytest.skip("nobody cannot read this source")
    with others.open_place() as place:
        home = place / "app"
        home.mkdir(mode=0o700)
        bangui = Bangui(home)
        bangui.environment["PYTHONDONTWRITEBYTECODE"] = "1"
        shutil.copy(initialised, bangui.database)
        give(bangui.database)
        give(home)
        program = place / "bangui"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bangui_cli "$@"\n')
        program.chmod(0o755)
        yield bangui


def shown(bangui, *arguments):
    """Return the users of the lines for cron, and the reason why it is root, if any is given."""
    program = bangui.home.parent / "bangui"
    ended = bangui.ok("schedule", "show", "--command", program, *arguments)
    lines = [line.split() for line in job_lines(ended.stdout)]
    reasons = [event["reason"] for event in ended.events if event["event"] == "scheduled_as_root"]
    return {line[5] for line in lines}, "".join(reasons)


def test_the_owner_of_the_database_runs_the_jobs(app):
    """What he can do, root need not."""
    assert shown(app) == ({"nobody"}, "")


def test_who_is_named_runs_the_jobs(app):
    """The operator knows better."""
    assert shown(app, "--user", "root") == ({"root"}, "")
    assert shown(app, "--user", "daemon") == ({"daemon"}, "")


def test_files_for_another_host_say_nothing_of_this_ones_owners(app):
    assert shown(app, "--root", app.home.parent / "root") == ({"root"}, "")


@pytest.mark.parametrize("closed", ["settings", "program", "directory", "file"])
def test_what_he_may_not_use_keeps_root(app, closed):
    """The event says what it is, so that it can be mended."""
    place, settings = app.home.parent, app.home.parent / "bangui.toml"
    settings.touch()
    arguments = ["--config", settings]
    assert shown(app, *arguments) == ({"nobody"}, "")
    target, words = {
        "settings": (settings, "cannot read"),
        "program": (place / "bangui", "cannot run"),
        "directory": (app.home, "cannot write"),
        "file": (app.database, "cannot write"),
    }[closed]
    if closed == "directory":
        os.chown(target, 0, 0)
    target.chmod({"program": 0o700, "directory": 0o755, "file": 0o400}.get(closed, 0o600))

    assert shown(app, *arguments) == ({"root"}, f"nobody, whose database it is, {words} {target}")


def test_a_user_without_a_name_cannot_stand_in_a_crontab(app):
    for path in (app.home, app.database):
        os.chown(path, 54321, 54321)

    assert shown(app) == ({"root"}, "user 54321, whose database it is, has no name on this host")


def test_a_database_that_is_yet_to_be_made_belongs_to_its_directorys_owner(app):
    """As `init` will make it."""
    assert shown(app, "--database", app.home / "new.db") == ({"nobody"}, "")
    assert shown(app, "--database", "/var/lib/nosuch/bangui.db") == ({"root"}, "")


def test_an_ordinary_user_plans_for_himself(app):
    """Whose database it is asks nobody else."""
    as_nobody = become(NOBODY)
    ended = app.ok("schedule", "show", "--command", app.home.parent / "bangui", under=as_nobody)

    assert job_lines(ended.stdout)[0].startswith("* * * * * [ ! -x ")
    assert "SHELL=" not in ended.stdout
    assert {event["event"] for event in ended.events} == {"schedule_left_out"}


def test_a_unit_has_the_rights_that_its_user_needs(app):
    """None for the owner; root becomes the owner, and needs no way around permissions."""
    program = app.home.parent / "bangui"
    as_owner = app.ok("schedule", "show", "--format", "systemd", "--command", program).stdout
    as_root = app.ok(
        "schedule", "show", "--format", "systemd", "--command", program, "--user", "root"
    ).stdout

    assert as_owner.count("\nUser=nobody\n") == as_owner.count("\nCapabilityBoundingSet=\n") == 3
    assert "User=" not in as_root
    assert as_root.count("\nCapabilityBoundingSet=CAP_CHOWN CAP_SETGID CAP_SETUID\n") == 3


# What a job needs besides.


def collects_as(app, fail2ban, *arguments, **options):
    """Return as whom collect would run, None where it would not."""
    program = app.home.parent / "bangui"
    env = {"BANGUI_FAIL2BAN_DB": str(fail2ban)}
    ended = app.ok("schedule", "show", "--command", program, *arguments, env=env, **options)
    line = next((line for line in job_lines(ended.stdout) if " collect " in line), None)
    return line and line.split()[5]


def test_what_the_owner_may_not_read_root_collects(app):
    """fail2ban's database is root's own; the other jobs stay the owner's."""
    fail2ban = app.home.parent / "fail2ban.sqlite3"
    fail2ban.touch(mode=0o600)
    environment = {"BANGUI_FAIL2BAN_DB": str(fail2ban)}
    program = app.home.parent / "bangui"
    ended = app.ok("schedule", "show", "--command", program, env=environment)
    (event,) = [event for event in ended.events if event["event"] == "scheduled_as_root"]

    assert collects_as(app, fail2ban) == "root"
    assert {line.split()[5] for line in job_lines(ended.stdout)} == {"nobody", "root"}
    assert event["jobs"] == ["history_sync"]
    assert event["reason"] == f"nobody, whose database it is, cannot read {fail2ban}"
    give(fail2ban)
    assert collects_as(app, fail2ban) == "nobody"


def test_what_a_named_user_may_not_read_is_left_out(app):
    """With the reason; a path that is set counts before there is anything."""
    fail2ban = app.home.parent / "fail2ban.sqlite3"
    assert collects_as(app, fail2ban, "--user", "nobody") == "nobody"
    fail2ban.touch(mode=0o600)

    assert collects_as(app, fail2ban, "--user", "nobody") is None


def test_what_is_hidden_from_a_user_is_none_of_his_jobs(app):
    """The directory is closed: whether there is anything, he cannot tell."""
    closed = app.home.parent / "closed"
    closed.mkdir(mode=0o700)
    (closed / "fail2ban.sqlite3").touch()
    environment = {"BANGUI_FAIL2BAN_DB": str(closed / "fail2ban.sqlite3")}
    program = app.home.parent / "bangui"
    shown = app.ok("schedule", "show", "--command", program, under=become(NOBODY), env=environment)

    assert " collect " not in shown.stdout


def test_an_ordinary_user_is_told_what_is_not_scheduled_and_why(app):
    """In that user's own schedule, too."""
    fail2ban = app.home.parent / "fail2ban.sqlite3"
    fail2ban.touch(mode=0o600)
    environment = {"BANGUI_FAIL2BAN_DB": str(fail2ban), "XDG_CONFIG_HOME": str(app.home / "config")}
    ended = app.ok(
        "schedule", "install", "--format", "systemd", "--command", app.home.parent / "bangui",
        under=become(NOBODY), env=environment,
    )  # fmt: skip
    reasons = {e["job"]: e["reason"] for e in ended.events if e["event"] == "schedule_left_out"}

    assert reasons["history_sync"] == f"nobody cannot read {fail2ban}"
    assert (app.home / "config/systemd/user/bangui-flush.timer").is_file()


@pytest.mark.parametrize(("spoilt", "code"), [("missing", 66), ("closed", 77), ("directory", 77)])
def test_a_program_that_its_user_cannot_run_is_refused(app, spoilt, code):
    """Before anything is written; show prints it all the same."""
    program = app.home.parent / "bangui"
    if spoilt == "closed":
        program.chmod(0o700)
    else:
        program.unlink()
    if spoilt == "directory":
        program.mkdir(mode=0o755)
    install = ("schedule", "install", "--format", "systemd", "--command", program)
    ended = app.run(*install, under=become(NOBODY), env={"XDG_CONFIG_HOME": str(app.home / "config")})

    assert ended.code == code
    assert str(program) in ended.events[-1]["error"]
    assert not (app.home / "config").exists()
    app.ok(*install, "--root", app.home / "root")


@pytest.mark.parametrize(("interval", "code"), [("never", 78), ("NEVER", 78)])
def test_the_jobs_that_keep_the_lock_are_not_left_out(app, interval, code):
    for key in ("BANGUI_FLUSH_INTERVAL", "BANGUI_HEARTBEAT_INTERVAL"):
        assert app.run("schedule", "show", env={key: interval}).code == code


def test_the_page_and_the_metrics_are_scheduled_where_their_paths_are_set(app):
    """With what the settings say; a directory that is not there is a reason."""
    (app.home / "www").mkdir()
    give(app.home / "www")
    environment = {
        "BANGUI_REPORT_PATH": str(app.home / "www/bans.html"),
        "BANGUI_REPORT_SPAN": "7d",
        "BANGUI_REPORT_INTERVAL": "2h",
        "BANGUI_METRICS_PATH": str(app.home / "nowhere"),
    }
    program = app.home.parent / "bangui"
    shown = app.ok("schedule", "show", "--command", program, env=environment).stdout
    page = next(line for line in job_lines(shown) if " report " in line)

    assert page.startswith("0 */2 * * * nobody ")
    assert f"report --history --format html --since 7d --output {app.home}/www/bans.html" in page
    assert page.endswith(" --log-target journal")
    assert "status_metrics" not in shown
    (app.home / "nowhere").mkdir()
    shown = app.ok("schedule", "show", "--command", program, env=environment).stdout
    for words in (
        f"status --format prometheus --output {app.home}/nowhere/bangui_status.prom",
        f"report --history --format prometheus --since 1d --output {app.home}/nowhere/bangui_bans.prom",
    ):
        assert any(words in line and line.startswith("* * * * * root ") for line in job_lines(shown))
