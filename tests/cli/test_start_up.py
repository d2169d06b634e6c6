"""What a job that runs every few seconds may import: click, sqlite3, and little else."""

import sys
from pathlib import Path

import pytest
from conftest import Bangui

ROOT = Path(__file__).parents[2]
# Beside what `import click, sqlite3` brings by itself. Each line here is paid for at every run.
ALLOWED = {"select", "gc", "math"}
# What `python -m` itself brings.
ALLOWED |= {"runpy", "pkgutil", "importlib.util", "importlib._abc"}
# So many of bangui's own: each takes a six-hundredth of a heartbeat before it has done anything.
MOST_OWN_MODULES, MOST_OWN_MODULES_ON_SERVER = 64, 70
# What has work to do, or something to tell, brings these along.
FOR_WORK = {
    "host.container",
    "host.machine",
    "jobs.sweep",
    "rules.instance_names",
    "store.sqlite.migrations",
}
FOR_WORK |= {"telling.log_lines", "telling.progress", "rules.entry", "rules.pacing", "rules.timestamps"}
FOR_WORK |= {"store.merging", "store.sqlite.entries", "store.sqlite.entry_statements"}
FOR_WORK |= {"store.sqlite.foreign_rows"}


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
        ["flush", "-q", "--held-ok", "--instance", "web2"],
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
    own = {name.removeprefix("bangui_cli.") for name in beside - foreign}
    assert not own & FOR_WORK
    assert len(own) <= MOST_OWN_MODULES, sorted(own)
    assert not {name for name in beside if "(NamedTuple)" in source(name)}


def source(module: str) -> str:
    """Return the text of a module, none for one that is not bangui's."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return path.read_text() if path.exists() else ""


def test_garbage_is_looked_for_only_once_the_work_has_begun(bangui: Bangui):
    """Among what a start imports there is none; a long import without a collector would fill the memory.

    As often as Python looks by itself it would take a `collect` of many bans a third of its time.
    """
    at_work = "import bangui_cli.cli.main as main, bangui_cli.jobs.run as run, gc\n"
    at_work += "print(gc.isenabled()); take = run.Run.take_lock\n"
    at_work += "run.Run.take_lock = lambda *a, **k: print(gc.isenabled(), gc.get_freeze_count() > 1000,"
    at_work += " gc.get_threshold()[0] >= 5000) or take(*a, **k)\nmain.run()"

    ended = bangui.ok("heartbeat", program=[sys.executable, "-c", at_work])

    assert ended.stdout.split() == ["False", "True", "True", "True"]


def test_a_file_costs_nothing_of_a_server_nor_a_server_of_a_file(bangui: Bangui, on_server: Bangui):
    """Each engine brings what it needs alone."""
    of_file, of_server = imported(bangui, "heartbeat"), imported(on_server, "heartbeat")

    assert not {name for name in of_file if "psycopg2" in name or "postgresql" in name}
    assert not {name for name in of_server if name == "sqlite3" or "store.sqlite" in name}
    assert not of_server & {"ctypes", "structlog", "rich"}
    own = {name for name in of_server if name.startswith("bangui_cli")}
    assert len(own) <= MOST_OWN_MODULES_ON_SERVER, sorted(own)
    assert not {"migrations", "checks", "tables"} & {name.rpartition(".")[2] for name in of_server}


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
