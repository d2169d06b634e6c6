"""Options and the command class that all commands share."""

import gc
from collections.abc import Callable
from typing import Any

import click

from bangui_cli.cli import parameters
from bangui_cli.settings import run_id, values
from bangui_cli.settings import table as settings
from bangui_cli.settings.config_file import CONFIG_VARIABLE
from bangui_cli.settings.invocation import Invocation
from bangui_cli.settings.table import Sourced

_JSON = "json"
# So many new objects, a megabyte or two, may wait for their garbage to be looked for.
_GARBAGE_OBJECTS = 10_000
_PATH_PARSERS = (values.parse_path, values.parse_paths)


class SettingOption(click.Option):
    """An option that overrides a setting; its help names the variable and the default.

    `multiple`: each use of the option gives one of the setting's paths. `default_text` is for a command
    whose default is not the setting's.
    """

    def __init__(
        self,
        declarations: list[str],
        *,
        setting: str,
        metavar: str,
        help: str,
        multiple: bool = False,
        default_text: str | None = None,
    ) -> None:
        row = settings.BY_KEY[setting]
        super().__init__(
            declarations,
            type=parameters.Parsed(values.parse_path if multiple else row.parse, metavar.lower()),
            multiple=multiple,
            metavar=metavar,
            help=help,
            expose_value=False,
            callback=self._store,
            shell_complete=parameters.complete_files if row.parse in _PATH_PARSERS else None,
        )
        self.setting = row
        self.default_text = default_text or row.default_text

    def _store(self, ctx: click.Context, option: click.Parameter, value: Any) -> None:
        # What was given may mean None: "never".
        source = ctx.get_parameter_source(option.name or "")
        if source is click.core.ParameterSource.COMMANDLINE:
            _override(ctx, self.setting.key, value, self.opts[0])

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return the help with variable and default, worked out only when it is shown."""
        names, text = super().get_help_record(ctx) or ("", "")
        return names, f"{text}  [env: {self.setting.variable}; default: {self.default_text}]"


def setting_option(*names: str, **options: Any) -> Callable[[Any], Any]:
    """Decorate a command with an option that overrides a setting: what SettingOption takes."""
    return click.option(*names, cls=SettingOption, **options)


def format_option(*formats: str) -> Callable[[Any], Any]:
    """Decorate a command with --format and --json, as `layout`; the first is the default.

    The one that stands last on the command line counts.
    """
    in_form = click.option(
        "--format",
        "layout",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="The form of the answer.",
    )
    in_json = click.option("--json", "layout", flag_value=_JSON, help="The same as --format json.")
    return lambda command: in_form(in_json(command))


def json_option(command: Any) -> Any:
    """Decorate a command with --json alone, where --format is that of its input."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def fail2ban_option(help: str) -> Callable[[Any], Any]:
    """Decorate a command with --fail2ban [PATH]: whether it was given; the path goes to its setting."""
    default = settings.BY_KEY["fail2ban_db"]
    return click.option(
        "--fail2ban",
        is_flag=False,
        flag_value="",
        metavar="[PATH]",
        callback=_set_fail2ban,
        shell_complete=parameters.complete_files,
        help=f"{help}  [env: {default.variable}; default: {default.default_text}]",
    )


def _set_fail2ban(ctx: click.Context, option: click.Parameter, value: str | None) -> bool:
    if value:
        _override(ctx, "fail2ban_db", value, option.opts[0])
    return value is not None


def held_ok_option(command: Any) -> Any:
    """Decorate a job with --held-ok."""
    text = "Treat a lock held by another instance as an ordinary outcome: exit 0."
    return click.option("--held-ok", is_flag=True, help=text)(command)


def spread_option(command: Any) -> Any:
    """Decorate what a schedule starts with --spread."""
    text = (
        "Where the database is a server: wait first, for a time that the name of the instance decides, "
        "half of the timeout and of the interval at most (30 s without a timeout), so that a fleet does "
        "not come all at once."
    )
    return click.option("--spread", is_flag=True, expose_value=False, callback=_set_spread, help=text)(
        command
    )


def _set_spread(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    _invocation(ctx).takes_turns |= value


def _invocation(ctx: click.Context) -> Invocation:
    return ctx.ensure_object(Invocation)


def _override(ctx: click.Context, key: str, value: Any, option: str) -> None:
    _invocation(ctx).flags[key] = Sourced(value, f"flag {option}")


def _set_level(level: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def store(ctx: click.Context, option: click.Parameter, value: bool) -> None:
        if value:
            _override(ctx, "log_level", level, option.opts[0])

    return store


def _set_config(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        _invocation(ctx).config_path = value


def _set_correlation_id(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        _invocation(ctx).correlation_id = value


def _common_options() -> list[click.Parameter]:
    return [
        SettingOption(
            ["--database", "-d"],
            setting="database_path",
            metavar="PATH|URL",
            help="The database: a file, or a PostgreSQL server.",
        ),
        click.Option(
            ["--config"],
            type=parameters.PATH,
            metavar="PATH",
            expose_value=False,
            callback=_set_config,
            shell_complete=parameters.complete_files,
            help=f"The settings file.  [env: {CONFIG_VARIABLE}; default: "
            "$XDG_CONFIG_HOME/bangui/bangui.toml, else /etc/bangui/bangui.toml]",
        ),
        SettingOption(
            ["--instance"], setting="instance", metavar="NAME", help="The name to hold the lock under."
        ),
        SettingOption(
            ["--log-level"],
            setting="log_level",
            metavar="LEVEL",
            help="debug, info, warning, error or critical; a failure is logged at any.",
        ),
        SettingOption(
            ["--log-format"],
            setting="log_format",
            metavar="FORMAT",
            help="auto, console, json or journald.",
        ),
        SettingOption(
            ["--log-target"],
            setting="log_target",
            metavar="TARGET",
            help="stderr, or journal: journald's own socket, with fields to search by; "
            "a failure is told on stderr, too.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_set_level("debug"),
            help="Log everything (level debug).",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_set_level("error"),
            help="Log errors only.",
        ),
        click.Option(
            ["--correlation-id"],
            type=parameters.ID,
            envvar=run_id.VARIABLE,
            metavar="ID",
            expose_value=False,
            callback=_set_correlation_id,
            help=f"The ID on every log line of the run.  [env: {run_id.VARIABLE}; default: a new UUID]",
        ),
    ]


def showing(text: Callable[[click.Context], str], help: str) -> dict[str, Any]:
    """Return what makes an option show a text and end the run.

    Click's own, --help and --version, look for a translation of their help: 2 % of a heartbeat.
    """

    def show(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            click.echo(text(ctx))
            ctx.exit()

    return {"is_flag": True, "is_eager": True, "expose_value": False, "callback": show, "help": help}


class WithExample(click.Command):
    """A command or group with an example at the end of its help."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example
        shows_help = showing(click.Context.get_help, "Show this message and exit.")
        self._help = click.Option(["-h", "--help", "_help"], **shows_help)

    def get_help_option(self, ctx: click.Context) -> click.Option:
        """Return --help, which every command has."""
        return self._help

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example as it is: it is to be pasted."""
        formatter.write_paragraph()
        formatter.write("Example:\n")
        for line in self.example.splitlines():
            formatter.write(f"  {line}\n")


class Command(WithExample):
    """A command with the common options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_common_options())

    def make_parser(self, ctx: click.Context) -> Any:
        """Let click find a short option at once.

        It looks for a long one first, and words that failure, for which it imports four modules: 6 % of
        a heartbeat.
        """
        parser = super().make_parser(ctx)
        known = vars(parser)
        known.get("_long_opt", {}).update(known.get("_short_opt", {}))
        return parser

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; let every mistake know the command that it was made with."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Do the work, and from here on look for garbage: there is none in what has been imported.

        Python would look so often that a job with thousands of rows in its hands does little else.
        """
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)
        gc.enable()
        return super().invoke(ctx)


class Group(WithExample, click.Group):
    """A command that consists of others."""


def command(name: str, *, example: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a command of a function; its docstring is the help."""
    return click.command(name, cls=Command, example=example)


def group(name: str, *, example: str) -> Callable[[Callable[..., Any]], Group]:
    """Make a group of a function; its docstring is the help."""
    return click.group(name, cls=Group, example=example)
