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
    assert ended.stderr == ""


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
