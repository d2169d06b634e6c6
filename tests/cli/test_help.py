"""Help: the same shape for every command, cheap, and there also when nothing else works."""

import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys

import click
import pytest

from bangui_cli.cli.group import cli
from bangui_cli.settings import table as settings
from bangui_cli.states import exit_codes

ROOT = click.Context(cli, info_name="bangui", **cli.context_settings)
HEAVY = {
    "structlog",
    "rich",
    "sqlite_utils",
    "maxminddb",
    "tomllib",
    "ipaddress",
    "subprocess",
    "sqlite3",
}


def contexts(parent):
    """Return a context for a command and for each one below it."""
    yield parent
    if isinstance(parent.command, click.Group):
        for name in parent.command.list_commands(parent):
            command = parent.command.get_command(parent, name)
            yield from contexts(click.Context(command, parent, name))


CONTEXTS = list(contexts(ROOT))
COMMANDS = [context for context in CONTEXTS if not isinstance(context.command, click.Group)]
every = pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.command_path)
each_command = pytest.mark.parametrize("context", COMMANDS, ids=lambda context: context.command_path)


def help_of(context):
    return context.command.get_help(click.Context(context.command, context.parent, context.info_name))


def records(context):
    """Return each option with what the help says of it, on one line."""
    for parameter in context.command.get_params(context):
        if isinstance(parameter, click.Option):
            yield parameter, " ".join(parameter.get_help_record(context)[1].split())


@every
def test_help_fits_80_columns(context):
    """Also the terminal of a server's console shows it unbroken."""
    assert [line for line in help_of(context).splitlines() if len(line) > 80] == []


@every
def test_the_first_line_is_one_sentence_that_the_list_shows_whole(context):
    """The list of a group's commands cuts a longer one off."""
    first = context.command.help.split("\n\n")[0].replace("\n", " ")

    assert first.endswith(".")
    assert first[0].isupper()
    if context.parent:
        listed = help_of(context.parent)
        assert re.search(rf"^  {context.info_name} +\w.+[\w)]\.$", listed, re.MULTILINE)


@every
def test_help_ends_with_an_example_that_can_be_run(context):
    """What is pasted is parsed without complaint: each bangui command in it exists, with its options."""
    *_, example = help_of(context).rpartition("\nExample:\n")
    words = shlex.split(example.replace("|", " | ").replace("\n", " ; "), posix=True)
    lines = (
        " ".join(map(shlex.quote, words)).replace("'|'", "\0").replace("';'", "\0").replace("'&&'", "\0")
    )
    commands = [shlex.split(line) for line in lines.split("\0") if line.strip().startswith("bangui ")]

    assert commands
    for _, *arguments in commands:
        parse(ROOT, arguments)


def parse(context, arguments):
    """Parse a command line as bangui would, down to the command that it names; raise its UsageError."""
    if not isinstance(context.command, click.Group):
        context.command.make_context(context.info_name, arguments, parent=context.parent)
        return
    name, *rest = arguments
    command = context.command.get_command(context, name)
    assert command, f"no command {name}"
    parse(click.Context(command, context, name), rest)


@each_command
def test_every_option_has_help_and_names_its_default(context):
    """A value that is not given has an effect all the same: the help says which."""
    for option, text in records(context):
        assert len(text) > 5, option
        if not option.is_flag and isinstance(option.default, str | int | float):
            assert "[default: " in text or "[env: " in text, option


@each_command
def test_an_option_of_a_setting_names_its_variable_and_default(context):
    """The operator learns where else the value can come from."""
    rows = {row.key: row for row in settings.TABLE}
    for option, text in records(context):
        row = rows.get(getattr(getattr(option, "setting", None), "key", ""))
        if row:
            assert f"[env: {row.variable}; default: {option.default_text}]" in text


@each_command
def test_every_command_takes_the_common_options(context):
    """After its name, each of them, so that a crontab line can carry them whatever it runs."""
    names = {name for option, _ in records(context) for name in option.opts}

    assert names >= {
        "--database", "-d", "--config", "--log-level", "--log-format", "-v", "-q", "--instance",
        "--correlation-id", "--help", "-h",
    }  # fmt: skip


def test_the_help_lists_every_exit_code():
    """The operator of a crontab looks there first."""
    shown = " ".join(help_of(ROOT).split())

    assert all(f"{row.code} {row.meaning}" in shown for row in exit_codes.TABLE)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []], ids=" ".join)
def test_neither_help_nor_version_imports_a_command(bare, arguments):
    """They answer in the time that importing click takes."""
    ended = bare.run(*arguments, env={"PYTHONPROFILEIMPORTTIME": "1", "BANGUI_LOG_FORMAT": "console"})
    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}

    assert "bangui_cli.cli.group" in imported
    assert [name for name in imported if name.startswith("bangui_cli.cli.commands.")] == []
    if arguments:
        assert {name.partition(".")[0] for name in imported} & HEAVY == set()


def test_the_version_is_one_line(bare):
    """For a script that asks which bangui this is."""
    assert re.fullmatch(r"bangui, version \d+\.\d+\.\d+\S*\n", bare.ok("--version").stdout)


@pytest.mark.parametrize("context", CONTEXTS[1:], ids=lambda context: context.command_path)
def test_help_needs_neither_settings_nor_database(bare, context):
    """Who has broken the settings file reads there how to mend it."""
    broken = {
        "BANGUI_CONFIG": "/nonexistent",
        "BANGUI_LOCK_TTL": "nonsense",
        "BANGUI_DATABASE_PATH": "/nonexistent",
    }
    ended = bare.ok(*context.command_path.split()[1:], "-h", env=broken)

    assert ended.stdout.startswith(f"Usage: {context.command_path} ")
    assert ended.stderr == ""


@each_command
def test_json_and_format_json_are_one_wish(context):
    """Whoever knows one of them from another command is right, but where --format is that of an input."""
    options = {name: option for option, _ in records(context) for name in option.opts}
    answers = options.get("--format") and options["--format"].name == "layout"

    if context.info_name != "import":
        assert ("--json" in options) == bool(answers)
    if answers:
        assert "json" in options["--format"].type.choices


def test_of_json_and_another_format_the_last_counts(bangui):
    """An alias with one of them can be overruled, as with every other option."""
    as_json = bangui.ok("lock", "show", "--format", "table", "--json").json

    assert bangui.ok("lock", "show", "--format", "json").json == as_json
    assert bangui.ok("lock", "show", "--json", "--format", "table").stdout.startswith("lock\n")


@pytest.mark.parametrize("wish", [["--json"], ["--format", "json"], ["--format=json"]], ids=" ".join)
def test_a_job_that_is_misused_answers_in_json_all_the_same(bangui, wish):
    """Its reader parses whatever comes."""
    ended = bangui.run("flush", *wish, "--nonsense")

    assert (ended.code, ended.json["outcome"]) == (2, "error")


@every
def test_help_with_a_name_is_the_help_of_that_command(bare, context):
    """As git and systemctl have it, also for a command of a group."""
    names = context.command_path.split()[1:]

    assert bare.ok("help", *names).stdout == bare.ok(*names, "--help").stdout


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["nonsense"], "see bangui --help"),
        (["lock", "nonsense"], "see bangui lock --help"),
        (["flush", "nonsense"], "see bangui --help"),
    ],
)
def test_help_for_what_is_no_command_is_a_mistake(bare, names, hint):
    """And no failure of a job, which a monitor would take it for."""
    ended = bare.run("help", *names)

    assert (ended.code, ended.stdout) == (2, "")
    assert (ended.events[0]["event"], ended.events[0]["job"]) == ("command_failed", None)
    assert ended.events[0]["error"].startswith("No such command 'nonsense'")
    assert ended.events[0]["hint"] == hint


def complete(bare, *words):
    """Return what the shell would offer at the end of a command line."""
    env = {
        "_BANGUI_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    return [line.rpartition(",")[2] for line in bare.ok(env=env).stdout.splitlines()]


def test_the_shell_completes_commands_and_options(bare):
    """`eval "$(_BANGUI_COMPLETE=bash_source bangui)"` is all it takes."""
    assert complete(bare, "bangui", "lo") == ["lookup", "lock"]
    assert complete(bare, "bangui", "lock", "r") == ["release"]
    assert "--held-ok" in complete(bare, "bangui", "flush", "--he")
    assert complete(bare, "bangui", "status", "--format", "pro") == ["prometheus"]
    assert complete(bare, "bangui", "help", "doc") == ["doctor"]
    assert complete(bare, "bangui", "help", "lock", "r") == ["release"]


@pytest.mark.parametrize("words", [["import", "answ"], ["import", "--rejects", "rej"]])
def test_the_shell_completes_files(bare, words):
    """Where a file is wanted the shell is told so, and offers its own."""
    env = {"_BANGUI_COMPLETE": "bash_complete", "COMP_CWORD": str(len(words))}

    assert (
        bare.ok(env={**env, "COMP_WORDS": " ".join(["bangui", *words])}).stdout == f"file,{words[-1]}\n"
    )


def test_the_completion_script_is_one_that_bash_takes(bare):
    """It names the program that it completes."""
    script = bare.ok(env={"_BANGUI_COMPLETE": "bash_source"}).stdout

    assert "complete -o nosort -F _bangui_completion bangui" in script
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    assert sys.executable not in script


@each_command
def test_every_path_completes(context):
    """A parameter that names a file lets the shell look for it."""
    paths = {"PATH", "[PATH]", "FILE", "DIR", "[FILE...|-]"}
    for parameter in context.command.get_params(context):
        if parameter.metavar in paths:
            (item,) = parameter.shell_complete(context, "some/fi")
            kind = "dir" if parameter.metavar == "DIR" else "file"
            assert (item.type, item.value) == (kind, "some/fi"), parameter


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize("start", ["flush --database ", "flush --database=", "import --rejects x "])
def test_files_complete_with_tab(bare, start):
    """In a real shell on a real terminal."""
    (bare.home / "some file.db").touch()
    (bare.home / "bangui").write_text(f'#!/bin/sh\nexec {sys.executable} -m bangui_cli "$@"\n')
    (bare.home / "bangui").chmod(0o755)
    environment = {**bare.environment, "PATH": f"{bare.home}:{os.environ['PATH']}", "TERM": "dumb"}
    master, slave = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=slave, stdout=slave, stderr=slave, env={**environment, "PS1": "ready> "}, cwd=bare.home,
        start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    shown = ""

    def wait_for(text):
        nonlocal shown
        while text not in shown:
            assert select.select([master], [], [], 30)[0], shown
            shown += os.read(master, 4096).decode()

    try:
        wait_for("ready> ")
        os.write(master, b"source <(_BANGUI_COMPLETE=bash_source bangui); echo sour''ced\n")
        wait_for("sourced")
        os.write(master, f"bangui {start}some\t".encode())
        wait_for(r"some\ file.db")
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
        os.close(master)


@pytest.mark.parametrize(("words", "nearest"), [(["flsuh"], "flush"), (["help", "docter"], "doctor")])
def test_a_mistyped_command_names_the_nearest(bare, words, nearest):
    """Also of commands that are not imported before they are run."""
    (event,) = bare.run(*words).events

    assert event["error"] == f"No such command '{words[-1]}'. Did you mean '{nearest}'?"
