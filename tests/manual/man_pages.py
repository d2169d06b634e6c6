"""Make the manual from the commands, the settings, the exit codes, the events and some prose.

`python tests/manual/man_pages.py` writes man/; a test holds the two equal. What the help says is taken from
the commands; tests/manual/prose/ says the rest, by page and section.
"""

import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path

import click
import roff

from bangui_cli import __version__
from bangui_cli.cli import options
from bangui_cli.cli.group import cli
from bangui_cli.rules import layouts
from bangui_cli.settings import ranges, values
from bangui_cli.settings import table as settings
from bangui_cli.settings.table import Setting
from bangui_cli.states import events, exit_codes

# Fixed, so that the pages are the same whenever they are made; change it with the version.
DATE = "2026-11-22"
HERE = Path(__file__).parent
MAN = HERE.parents[1] / "man"

FIRST = ("SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "SETTINGS")
LAST = ("EXIT STATUS", "ENVIRONMENT", "FILES", "BUGS", "EXAMPLES", "SEE ALSO")
FILES = """
- `/var/lib/bangui/bangui.db`
  The database of root; that of others is `$XDG_DATA_HOME/bangui/bangui.db`.
- `/etc/bangui/bangui.toml`
  The settings, unless there is a `$XDG_CONFIG_HOME/bangui/bangui.toml`. See bangui.toml(5).
"""
OF_THIS_HOST = {
    "database_path": settings.SYSTEM_DATABASE_PATH,
    "instance": "web1",
    "report_path": "/var/www/html/bans.html",
    "metrics_path": "/var/lib/prometheus/node-exporter",
}
OTHER_MANUALS = "crontab(5), systemd.timer(5), journalctl(1), fail2ban(1), sqlite3(1), jq(1)"
COMMON = options.Command("any", example="")


def pages() -> dict[str, str]:
    """Return the source of every page by file name."""
    commands = _children(cli, click.Context(cli, info_name="bangui", **cli.context_settings))
    found = {
        "bangui.1": _overview(commands),
        "bangui.toml.5": _settings_page(),
        "bangui-fleet.7": {"NAME": "bangui on many hosts, with one PostgreSQL server"},
    }
    for context in commands:
        found[f"bangui-{context.info_name}.1"] = _command_page(context)
    see_also = [*(f"{name[:-2]}({name[-1]})" for name in found), OTHER_MANUALS]
    return {name: _page(name, sections, see_also) for name, sections in found.items()}


def _page(name: str, sections: dict[str, str], see_also: list[str]) -> str:
    """Lay a page out in the customary order of sections, what is generated before its prose."""
    stem, number = name[:-2], name[-1]
    others = [reference for reference in see_also if reference != f"{stem}({number})"]
    sections |= {"FILES": FILES, "SEE ALSO": ", ".join(others)}
    for title, text in _prose(stem).items():
        sections[title] = f"{sections.get(title, '')}\n\n{text}"
    own = [title for title in sections if title not in (*FIRST, *LAST, "NAME")]
    ordered = {title: sections.get(title, "") for title in (*FIRST, *own, *LAST)}
    return roff.page(stem, int(number), f"bangui {__version__}", DATE, sections["NAME"], ordered)


def _prose(stem: str) -> dict[str, str]:
    path = HERE / "prose" / f"{stem}.md"
    chapters = re.split(r"^# ", path.read_text(), flags=re.MULTILINE)[1:] if path.exists() else []
    return {title: text for title, _, text in (chapter.partition("\n") for chapter in chapters)}


# The three kinds of pages.


def _overview(commands: list[click.Context]) -> dict[str, str]:
    return {
        "NAME": _purpose(cli),
        "SYNOPSIS": "`bangui` *COMMAND* [*OPTIONS*]",
        "COMMANDS": _items((f"`bangui-{each.info_name}`(1)", _first(each.command)) for each in commands),
        "OPTIONS": _options(cli) + _common_options(),
        "EVENTS": _events(),
        "EXIT STATUS": _exit_codes(exit_codes.TABLE),
        "ENVIRONMENT": _items(
            (f"`{row.variable}`", f"The setting `{row.key}`") for row in settings.TABLE
        ),
    }


def _settings_page() -> dict[str, str]:
    rows = ((f"`{row.key}`", _setting(row)) for row in settings.TABLE)
    return {
        "NAME": "the settings of bangui",
        "SYNOPSIS": "`/etc/bangui/bangui.toml`",
        "SETTINGS": _items(rows),
        "EXAMPLES": f"Every setting, as it is anyway:\n\n{_literal(example_file())}",
    }


def _setting(row: Setting) -> str:
    sentences = [_capitalised(row.meaning), ranges.describe(row), f"Default: {row.default_text}"]
    told = ". ".join(_capitalised(sentence) for sentence in sentences if sentence)
    return f"{told}. [{row.variable}]"


def example_file() -> str:
    """Return a settings file that sets every key to its default, as it would be written."""
    return "\n".join(f"{row.key} = {_toml(row)}" for row in settings.TABLE)


def _toml(row: Setting) -> str:
    if row.default is None:
        return f'"{OF_THIS_HOST[row.key]}"'
    # JSON's texts, numbers, lists and truth values are TOML's, too.
    is_time = row.parse in (values.parse_duration_s, values.parse_span_s)
    return json.dumps(row.default_text if is_time else row.default)


def _command_page(context: click.Context) -> dict[str, str]:
    """Describe a command; one with subcommands together with them."""
    command = context.command
    leaves = _children(command, context) if isinstance(command, click.Group) else [context]
    if isinstance(command, click.Group):
        body = {"COMMANDS": "".join(map(_subcommand, leaves)), "OPTIONS": _common_options()}
    else:
        body = {"DESCRIPTION": _description(command), "OPTIONS": _options(command) + _common_options()}
    sections = {
        "NAME": _purpose(command),
        "SYNOPSIS": "\n\n".join(map(_synopsis, leaves)),
        **body,
        "EXIT STATUS": _exit_codes(exit_codes.TABLE),
        "ENVIRONMENT": _environment(leaf.command for leaf in leaves),
        "EXAMPLES": "\n\n".join(_literal(leaf.command.example) for leaf in leaves),
    }
    if context.info_name == "import":
        sections["FIELD NAMES"] = _field_names()
    if context.info_name == "status":
        sections["EXIT STATUS"] += f"\n\n## With --format nagios\n\n{_exit_codes(exit_codes.NAGIOS)}"
    return sections


# Their parts.


def _children(group: click.Group, context: click.Context) -> list[click.Context]:
    """Return a context for each command of a group; it knows the command and its name."""
    names = group.list_commands(context)
    commands = {name: group.get_command(context, name) for name in names}
    return [click.Context(each, context, name) for name, each in commands.items() if each]


def _first(command: click.Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def _purpose(command: click.Command) -> str:
    return _first(command).rstrip(".")


def _description(command: click.Command) -> str:
    return "\n\n".join(" ".join(text.split()) for text in (command.help or "").split("\n\n"))


def _subcommand(context: click.Context) -> str:
    command = context.command
    return f"## {context.command_path}\n\n{_description(command)}\n\n{_options(command)}\n\n"


def _synopsis(context: click.Context) -> str:
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return f"`{context.command_path}` {pieces}".replace("[OPTIONS]", "[*OPTIONS*]")


def _options(command: click.Command) -> str:
    """Describe the options that other commands do not have."""
    common = {parameter.name for parameter in COMMON.get_params(_context(COMMON))}
    return _describe(_records(command, without=common))


def _common_options() -> str:
    return f"\n\n## Options of every command\n\n{_describe(_records(COMMON))}"


def _records(command: click.Command, without: Collection[str | None] = ()) -> list[tuple[str, str]]:
    """Return the options as the help shows them: names with metavar, text."""
    context = _context(command)
    parameters = [each for each in command.get_params(context) if each.name not in without]
    records = (each.get_help_record(context) for each in parameters)
    return [(names, text) for names, text in filter(None, records) if text]


def _context(command: click.Command) -> click.Context:
    return click.Context(command, **cli.context_settings)


def _describe(records: list[tuple[str, str]]) -> str:
    return _items((re.sub(r"(--?[\w-]+)|([^-, ][^,]*)", _word, names), text) for names, text in records)


def _word(match: re.Match[str]) -> str:
    return f"`{match[1]}`" if match[1] else f"*{match[2]}*"


def _environment(commands: Iterable[click.Command]) -> str:
    variables = {}
    for command in commands:
        for names, text in _records(command):
            for variable in re.findall(r"env: (\w+)", text):
                variables[variable] = f"Used where `{re.findall(r'--[a-z-]+', names)[0]}` is not given"
    rows = ((f"`{variable}`", text) for variable, text in variables.items())
    return f"{_items(rows)}\n\nEvery setting has a variable: see bangui.toml(5)."


def _events() -> str:
    items = _items((f"`{row.name}`", f"{row.level}: {row.meaning}") for row in events.TABLE)
    return f"The names are an interface: scripts and monitors may match them.\n\n{items}"


def _field_names() -> str:
    meanings = {
        "address": "The address",
        "code": "The country's code",
        "country": "The country's code or name, whichever it is",
        "country_name": "The country's name",
        "asn": "The autonomous system's number",
        "as_text": "Its number and name in one, or its name",
        "org": "The organisation",
        "as_name": "The organisation, beside a number",
        "time": "When it was resolved; otherwise now",
        "status": "What says that the address could not be resolved",
    }
    assert list(meanings) == list(layouts.TABLE)
    rows = (
        (meanings[part], ", ".join(f"`{name}`" for name in names))
        for part, names in layouts.TABLE.items()
    )
    return f"The first that a row has and that is not empty counts. A dot leads into an object, or stands in the name of a column.\n\n{_items(rows)}"


def _exit_codes(rows: Iterable[exit_codes.ExitCode]) -> str:
    return _items((f"`{row.code}`", _capitalised(row.meaning)) for row in rows)


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def _literal(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _items(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f"- {term}\n  {text if text[-1] in '.]' else f'{text}.'}\n" for term, text in rows)


def main() -> None:
    """Write the pages, and delete those of commands that are no more."""
    MAN.mkdir(exist_ok=True)
    found = pages()
    for path in MAN.iterdir():
        if path.name not in found:
            path.unlink()
    for name, text in found.items():
        (MAN / name).write_text(text)


if __name__ == "__main__":
    main()
