"""The manual in man/ says what the program says, and every formatter reads it without complaint."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import man_pages
import pytest
import roff

from bangui_cli.settings import table as settings

PAGES = sorted(man_pages.pages())
COMMAND_SECTIONS = (
    "NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO",
)  # fmt: skip

needs_mandoc = pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not installed")
needs_man = pytest.mark.skipif(not shutil.which("man"), reason="man is not installed")


def format_page(*command, text=None):
    """Return what a formatter shows, without overstrikes, and what it complains of."""
    environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    ended = subprocess.run(
        command, input=text, capture_output=True, text=True, env=environment, check=False
    )
    return re.sub(".\b", "", ended.stdout), ended.stderr


def test_there_is_a_page_for_every_command_and_for_nothing_else():
    """A new command appears in the manual, and one that goes leaves no page."""
    assert sorted(path.name for path in man_pages.MAN.iterdir()) == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_commands_say(name):
    """Run `python tests/manual/man_pages.py` after a change of options, settings, exit codes or events."""
    assert man_pages.pages()[name] == (man_pages.MAN / name).read_text()


@pytest.mark.parametrize("name", [name for name in PAGES if name.endswith(".1")])
def test_a_page_answers_every_kind_of_question(name):
    """A reader finds each customary section."""
    text = (man_pages.MAN / name).read_text()

    assert [title for title in COMMAND_SECTIONS if f".SH {title}\n" in text.replace('"', "")] == [
        *COMMAND_SECTIONS
    ]


def test_the_overview_names_its_files_and_its_known_faults():
    """Who backs up, monitors or uninstalls looks there."""
    shown, _ = format_page("mandoc", "-Tascii", str(man_pages.MAN / "bangui.1"))

    for name in (
        "bangui.db-journal",
        "/etc/bangui/bangui.toml",
        "/etc/cron.d/bangui",
        "/usr/share/GeoIP",
    ):
        assert name in shown.partition("\nFILES")[2].partition("\nBUGS")[0]
    assert "this is a bug" in shown.partition("\nBUGS")[2].partition("\nEXAMPLES")[0]


def test_the_example_of_the_settings_sets_every_key_to_its_default(tmp_path):
    """It is there to be copied and changed: nothing in it may be refused, or change anything."""
    page = (man_pages.MAN / "bangui.toml.5").read_text()
    example = page.partition("as it is anyway:\n.PP\n.EX\n")[2].partition("\n.EE")[0]
    (tmp_path / "bangui.toml").write_text(example.replace("\\-", "-"))
    environment = {"HOME": str(tmp_path)}

    written = settings.load(environment, {}, str(tmp_path / "bangui.toml"))
    default = settings.load(environment, {}, None)

    assert all(sourced.source.startswith("file ") for sourced in written.values())
    for setting in settings.TABLE:
        if setting.default is not None:
            assert written[setting.key].value == default[setting.key].value, setting.key


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("flush", "flush --json"),
        ("heartbeat", "heartbeat --json"),
        ("import", "import --json"),
        ("resolve", "resolve --json 192.0.2.1 --geoip-db {mmdb}"),
        ("lookup", "lookup --json 192.0.2.1"),
        ("report", "report --format json"),
        ("status", "status --format json"),
        ("lock", "lock show --json"),
        ("doctor", "doctor --format json"),
    ],
)
def test_the_manual_names_every_key_of_the_json(bangui, name, command):
    """A script is written from the manual, not from what one run happens to print."""
    bangui.ok("add", "192.0.2.1", "--country-code", "DE")
    mmdb = Path(__file__).parents[1] / "data/mmdb/GeoLite2-Country-Test.mmdb"
    printed = bangui.run(*command.format(mmdb=mmdb).split(), input="").json
    pages = ("flush", "heartbeat") if name == "heartbeat" else (name, "lock")
    prose = "".join((man_pages.HERE / f"prose/bangui-{page}.md").read_text() for page in pages)

    assert [key for key in keys(printed) if f"`{key}`" not in prose] == []


def keys(value):
    """Return every key at any depth; those of `jobs` are job IDs, which other pages name."""
    if isinstance(value, list):
        return {key for item in value for key in keys(item)}
    if not isinstance(value, dict):
        return set()
    return (value.keys() - {"geo_cache_flush", "scheduler_lock_heartbeat"}) | {
        key for item in value.values() for key in keys(item)
    }


@needs_mandoc
def test_mandoc_has_nothing_to_warn_of():
    """The formatter of Alpine and the BSDs takes the pages."""
    files = [str(man_pages.MAN / name) for name in PAGES]

    assert format_page("mandoc", "-Tlint", "-W", "warning", *files) == ("", "")


@needs_man
@pytest.mark.parametrize("name", PAGES)
def test_man_has_nothing_to_warn_of_and_80_columns_suffice(name):
    """The formatter of Debian takes the page, and no line of an example is cut off."""
    shown, complaints = format_page("man", "--warnings", "-l", str(man_pages.MAN / name))

    assert complaints == ""
    assert [line for line in shown.splitlines() if len(line) > 80] == []


@needs_mandoc
@pytest.mark.parametrize(
    "text",
    [
        "    .hidden",
        "    'quoted",
        "    a\\b -x ~/c ^d `e` f'g",
        "    \\fBnot bold\\n",
        ".dots *and* stars",
    ],
)
def test_what_roff_would_read_as_its_own_arrives_as_it_was(text):
    """A pasted example is the one that was written."""
    page = roff.page("x", 1, "x", "2026-01-01", "x", {"TEXT": text})

    shown, _ = format_page("mandoc", "-Tascii", text=page)

    assert text.strip().replace("*", "") in shown


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "completed"),
    [(["st"], "status"), (["lock", "rel"], "release"), (["status", "--format", "pro"], "prometheus")],
)
def test_the_completion_of_the_manual_completes(bare, words, completed):
    """What it tells the operator to put into /etc/bash_completion.d works."""
    program = bare.home / "bangui"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bangui_cli "$@"\n')
    program.chmod(0o755)
    script = (
        f"source <(_BANGUI_COMPLETE=bash_source bangui); COMP_WORDS=(bangui {' '.join(words)})\n"
        f'COMP_CWORD={len(words)}; _bangui_completion bangui; echo "${{COMPREPLY[@]}}"'
    )
    environment = {**bare.environment, "PATH": f"{bare.home}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False
    )

    assert (ended.stdout.strip(), ended.stderr) == (completed, "")
