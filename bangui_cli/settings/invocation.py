"""What one run was asked: its flags, its settings, its log and its correlation ID."""

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from bangui_cli.host import clocks, terminal
from bangui_cli.host.watchdog import Watchdog
from bangui_cli.rules.server_urls import is_server_url
from bangui_cli.rules.sqlite_spelling import sidecars
from bangui_cli.settings import config_file, run_id, variables
from bangui_cli.settings import table as settings
from bangui_cli.settings.table import Settings, Sourced
from bangui_cli.states import errors, events
from bangui_cli.states.errors import (
    BanguiError,
    CannotCreate,
    Failure,
    NoDatabase,
    PermissionRefused,
    UsageFault,
)
from bangui_cli.telling.log import Log, LogSettings

if TYPE_CHECKING:
    from bangui_cli.host.files import Output

# What a schedule hands on to its jobs as options.
_GIVEN_TO_JOBS = ("database_path", "instance")


class Invocation:
    """The context of one run. Options fill `flags` while click parses; the rest follows lazily."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, started_s: float | None = None
    ) -> None:
        self.environment = environment
        self.started_s = clocks.process_started_s() if started_s is None else started_s
        self.watchdog = Watchdog()
        self.arguments: Sequence[str] = ()
        self.flags: dict[str, Sourced] = {}
        self.config_path: str | None = None
        # What root obeys must be root's own, but where a command has been told otherwise.
        self.trusts_settings = False
        # Whether it was asked to wait for its turn among the instances of a fleet.
        self.takes_turns = False
        self.job: str | None = None
        self._correlation_id: str | None = None
        self._settings: Settings | None = None
        self._log: Log | None = None
        self._has_warned = self._has_announced = False

    @property
    def correlation_id(self) -> str:
        """Return the ID on every line of the run: the one that was given, else a new one."""
        if self._correlation_id is None:
            self._correlation_id = run_id.new()
        return self._correlation_id

    @correlation_id.setter
    def correlation_id(self, value: str) -> None:
        self._correlation_id = value

    @property
    def settings(self) -> Settings:
        """Return the effective settings. Raise ConfigInvalid or PermissionRefused.

        The first time, warn of variables that are no settings.
        """
        if not self._has_warned:
            self._has_warned = True
            self._warn_of_misnamed_variables()
        settings.require_sound(self.unchecked_settings)
        return self.unchecked_settings

    @property
    def unchecked_settings(self) -> Settings:
        """Return the settings even where they contradict each other, for `doctor` to judge."""
        if self._settings is None:
            path = self.settings_path
            doubt = config_file.doubt(path) if path and not self.trusts_settings else None
            if doubt:
                raise doubt
            self._settings = settings.load(self.environment, self.flags, path)
        return self._settings

    def settings_given(
        self, flags: Mapping[str, Sourced], config_path: str | None
    ) -> tuple[Settings, str | None]:
        """Return the settings of a job that was given these flags and this file, and the file's path.

        What may be given so is taken from nowhere else. Raise what `settings` does.
        """
        taken = {config_file.CONFIG_VARIABLE, *(settings.BY_KEY[key].variable for key in _GIVEN_TO_JOBS)}
        environment = {key: value for key, value in self.environment.items() if key not in taken}
        path = config_path or config_file.find(environment)
        return settings.load(environment, flags, path), path

    @property
    def misnamed_variables(self) -> dict[str, str]:
        """Return the variables that look like settings and are none, each with the nearest one."""
        return variables.misnamed(self.environment)

    def _warn_of_misnamed_variables(self) -> None:
        for name, nearest in self.misnamed_variables.items():
            self.log.emit(
                events.VARIABLE_UNKNOWN,
                variable=name,
                nearest=nearest,
                hint=f"if {nearest} is meant, correct it; if another program reads it, let it be",
            )

    @property
    def settings_path(self) -> str | None:
        """Return the path of the settings file, None where there is none."""
        return self.config_path or config_file.find(self.environment)

    def open_output(self, path: str, inputs: Iterable[str] = (), **how: Any) -> "Output":
        """Open a file to write that is not in use: `how` is what `files.open_output` takes."""
        from bangui_cli.host import files

        self.require_unused(path, inputs)
        return files.open_output(path, **how)

    def require_unused(self, path: str, inputs: Iterable[str] = ()) -> None:
        """Raise UsageFault where a file is one that bangui reads, or keeps its data in."""
        from bangui_cli.host import files

        for taken in (*inputs, *self._files_in_use()):
            if files.is_over(path, taken):
                raise UsageFault(f"{path} would be written over {taken}", hint="name another file")

    def _files_in_use(self) -> list[str]:
        """Return the paths of settings and databases, and of what SQLite keeps beside them."""
        database, fail2ban = self._setting("database_path"), self._setting("fail2ban_db")
        if is_server_url(database):
            database = None
        paths = (self.settings_path, database, fail2ban, *self._setting("geoip_db"))
        beside = [sidecars(path) for path in (database, fail2ban) if path]
        return [*filter(None, paths), *chain(*beside)]

    def tell(self, sentence: str) -> None:
        """Say what was done to the person who reads the results, unless errors alone are asked for."""
        if self.is_quiet or not terminal.stdout_is_terminal():
            return
        from bangui_cli.telling import output

        output.print_summary(terminal.safe(sentence))

    def announce_stdin(self) -> None:
        """Say that input is awaited to the person who is to type it."""
        if terminal.stdin_is_terminal():
            self.announce("reading what is typed here; Ctrl-D ends it")

    def announce(self, sentence: str) -> None:
        """Say to a person, once, what is no result, as what is waited for."""
        if not self._has_announced and terminal.stderr_is_terminal() and not self.is_quiet:
            self._has_announced = True
            line = f"{terminal.safe(sentence)}\n".encode("utf-8", "backslashreplace")
            terminal.write_line(terminal.STDERR, line, 0.0)

    @property
    def is_quiet(self) -> bool:
        """Tell whether errors alone are asked for."""
        return events.LEVELS.index(self._setting("log_level")) >= events.LEVELS.index("error")

    def explain(self, error: BaseException) -> Failure:
        """Return what to tell of any error, by what this run was asked."""
        failure = errors.explain(error)
        if isinstance(error, NoDatabase) and self._settings is not None:
            hint = settings.with_origin(failure.hint, self._settings["database_path"])
            return failure._replace(hint=hint)
        if type(error) in (PermissionRefused, CannotCreate) and "path" in failure.fields:
            obstacle = _hint_at_obstacle(error, str(failure.fields["path"]))
            return failure._replace(hint=obstacle or failure.hint)
        return failure

    def set_job(self, job_id: str) -> None:
        """Name the job on every line that is logged from now on."""
        self.job = job_id
        if self._log is not None:
            self._log.job = job_id

    @property
    def log(self) -> Log:
        """Return the log as the settings want it, or as far as they can be read."""
        if self._log is None:
            self._log = self._make_log()
            self._log.job = self.job
            self._log.typed = " ".join(self.arguments)
            database = self._setting("database_path")
            self._log.server = database if is_server_url(database) else ""
        return self._log

    @property
    def log_at_hand(self) -> Log:
        """Return the log as far as it is known without the settings file, which may hang."""
        log = self._log or Log(
            LogSettings(*map(self.setting_at_hand, LogSettings._fields)), self.correlation_id
        )
        log.job = self.job
        return log

    def setting_at_hand(self, key: str) -> Any:
        """Return a setting as far as it is known without the settings file."""
        return settings.single(key, self.environment, self.flags)

    def _make_log(self) -> Log:
        return Log(LogSettings(*map(self._setting, LogSettings._fields)), self.correlation_id)

    def _setting(self, key: str) -> Any:
        """Return a setting, as far as it can be known where the file cannot be read."""
        try:
            return self.unchecked_settings[key].value
        except BanguiError:
            return self.setting_at_hand(key)


def _hint_at_obstacle(error: BaseException, path: str) -> str | None:
    """Say what no owner and no mode explains; of a file that is yet to be made, also what they do."""
    from bangui_cli.host import obstacles

    barrier = obstacles.find(path)
    if barrier and (obstacles.is_special(barrier[1]) or isinstance(error, CannotCreate)):
        return obstacles.hint(*barrier)
    return None
