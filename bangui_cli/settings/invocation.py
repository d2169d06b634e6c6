"""What one run was asked: its flags, its settings, its log and its correlation ID."""

import os
from collections.abc import Mapping
from typing import Any

from bangui_cli.host import clocks
from bangui_cli.host.watchdog import Watchdog
from bangui_cli.settings import table as settings
from bangui_cli.settings.table import Settings, Sourced
from bangui_cli.states.errors import BanguiError
from bangui_cli.telling.log import Log, LogSettings


class Invocation:
    """The context of one run. Options fill `flags` while click parses; the rest follows lazily."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, started_s: float | None = None
    ) -> None:
        self.environment = environment
        self.started_s = clocks.process_started_s() if started_s is None else started_s
        self.watchdog = Watchdog()
        self.flags: dict[str, Sourced] = {}
        self.config_path: str | None = None
        self.job: str | None = None
        self._correlation_id: str | None = None
        self._settings: Settings | None = None
        self._log: Log | None = None

    @property
    def correlation_id(self) -> str:
        """Return the ID on every line of the run: the one that was given, else a new one."""
        if self._correlation_id is None:
            import uuid

            self._correlation_id = str(uuid.uuid4())
        return self._correlation_id

    @correlation_id.setter
    def correlation_id(self, value: str) -> None:
        self._correlation_id = value

    @property
    def settings(self) -> Settings:
        """Return the effective settings. Raise ConfigInvalid or PermissionRefused."""
        settings.require_sound(self.unchecked_settings)
        return self.unchecked_settings

    @property
    def unchecked_settings(self) -> Settings:
        """Return the settings even where they contradict each other, for `doctor` to judge."""
        if self._settings is None:
            self._settings = settings.load(self.environment, self.flags, self.config_path)
        return self._settings

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
        return Log(LogSettings(*map(self._log_setting, LogSettings._fields)), self.correlation_id)

    def _log_setting(self, key: str) -> Any:
        try:
            return self.unchecked_settings[key].value
        except BanguiError:
            return self.setting_at_hand(key)
