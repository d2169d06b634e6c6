"""What a job that runs every few seconds may import: click, sqlite3, and little else."""

import sys

import pytest
from conftest import Bangui

# Beside what `import click, sqlite3` brings by itself. Each line here is paid for at every run.
ALLOWED = {"select", "math", "locale", "_locale"}
# What `python -m` itself brings.
ALLOWED |= {"runpy", "pkgutil", "importlib.util", "importlib._abc"}


def imported(bangui: Bangui, *arguments: str) -> set[str]:
    """Return the modules that a process imports."""
    code, *rest = arguments if arguments[0] == "-c" else ("-m", "bangui_cli", *arguments)
    ended = bangui.ok(program=[sys.executable, "-X", "importtime", code, *rest])
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    assert lines
    assert len(lines) == len(ended.stderr.splitlines()), "a silent run has logged something"
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize(
    "arguments",
    [
        ["heartbeat"],
        ["flush"],
        ["heartbeat", "--held-ok", "--instance", "web2"],
        ["flush", "--held-ok", "--instance", "web2"],
    ],
    ids=" ".join,
)
def test_a_silent_pass_imports_little_beside_click_and_sqlite3(bangui: Bangui, arguments: list[str]):
    """Structlog alone would double what a heartbeat costs."""
    bangui.ok("heartbeat")
    floor = imported(bangui, "-c", "import click, sqlite3")

    beside = imported(bangui, *arguments) - floor

    foreign = {name for name in beside if not name.startswith("bangui_cli")}
    assert foreign <= ALLOWED, foreign - ALLOWED
    assert "bangui_cli.telling.log_lines" not in beside
    assert "bangui_cli.store.sqlite.migrations" not in beside


def test_json_costs_json_alone(bangui: Bangui):
    """A monitor that reads the object pays for no log."""
    beside = imported(bangui, "heartbeat", "--json") - imported(bangui, "-c", "import click, sqlite3")

    foreign = {name for name in beside if not name.startswith(("bangui_cli", "json", "_json"))}
    assert foreign <= ALLOWED, foreign - ALLOWED


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_imports_no_command_and_no_store(bangui: Bangui, argument: str):
    """Neither is needed to tell of them, and a shell's completion asks often."""
    modules = imported(bangui, argument)

    assert not {
        name for name in modules if name.startswith(("bangui_cli.cli.commands.", "bangui_cli.store"))
    }
    assert not modules & {"sqlite3", "structlog", "rich", "json", "bangui_cli.jobs.run"}
