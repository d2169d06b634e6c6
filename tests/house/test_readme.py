"""The README says what the program does."""

import re
from pathlib import Path

import pytest

from bangui_cli.cli.group import cli
from bangui_cli.states import exit_codes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FIRST_SCREEN = "\n".join(README.splitlines()[:48])


def test_the_exit_codes_are_those_of_the_table():
    """A script that was written after the README must not meet another code."""
    rows = re.findall(r"^\| (\d[\d+n]*) \| (.*) \|$", README, re.MULTILINE)

    assert rows == [tuple(row) for row in exit_codes.TABLE]


@pytest.mark.parametrize("name", cli.list_commands(None))
def test_every_command_is_named(name: str):
    """Whoever reads the table knows all there is."""
    assert re.search(rf"^\|.*`{name}`", README, re.MULTILINE)


def test_the_first_screen_has_the_two_commands_and_the_crontab_line():
    """Setting up, testing and scheduling need no scrolling."""
    commands = re.findall(r"^python3 -m venv \.venv && .*$", FIRST_SCREEN, re.MULTILINE)

    assert [command.split("&&")[-1].strip() for command in commands] == [
        ".venv/bin/bangui lookup 192.0.2.1 -d .venv/trial/bangui.db",
        ".venv/bin/python -m pytest -q -n auto",
    ]
    assert re.search(r"^\* \* \* \* \* .*bangui flush", FIRST_SCREEN, re.MULTILINE)


def test_the_manual_is_installed_whole():
    """A section that is left out is a page that `man` does not find."""
    (sections,) = re.findall(
        r"^for s in ([\d ]+); do install .*man/\*\.\$s; done$", README, re.MULTILINE
    )

    assert sections.split() == sorted({page.suffix[1:] for page in (ROOT / "man").iterdir()})


def test_the_line_that_collects_is_that_of_the_manual():
    """What was tried stands in both places; an action for each ban would make fail2ban late."""
    line = re.search(r"^\* \* \* \* \* root .*bangui collect.*$", README, re.MULTILINE)

    assert line
    assert line[0] in (ROOT / "tests/manual/prose/bangui-collect.md").read_text()
    assert "actionban" not in README
