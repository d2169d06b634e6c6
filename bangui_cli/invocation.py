"""What one run was asked: its flags, its settings, its log and its correlation ID."""

import uuid
from collections.abc import Mapping

from bangui_cli import clocks, settings
from bangui_cli.errors import UsageFault
from bangui_cli.log import Log
from bangui_cli.settings import Settings


class Invocation:
    """The context of one run. Options fill `flags` while click parses; the rest follows lazily."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.started_s = clocks.monotonic_s()
        self.flags: dict[str, object] = {}
        self.config_path: str | None = None
        self.job: str | None = None
        self._correlation_id: str | None = None
        self._settings: Settings | None = None
        self._log: Log | None = None

    @property
    def correlation_id(self) -> str:
        """Return the ID of the run, a new one where nothing fit was given."""
        if self._correlation_id is None:
            self._correlation_id = str(uuid.uuid4())
        return self._correlation_id

    def settle_correlation_id(self) -> None:
        """Take the ID from the environment unless an option set one. Raise UsageFault."""
        given = self.environment.get(settings.CORRELATION_ID_VARIABLE)
        if given and self._correlation_id is None:
            self.set_correlation_id(given)

    def set_correlation_id(self, value: str) -> None:
        """Take an ID over. Raise UsageFault for control characters and over 128 characters."""
        try:
            self._correlation_id = settings.parse_name(value)
        except ValueError as error:
            raise UsageFault(f"the correlation ID is {error}") from None

    @property
    def settings(self) -> Settings:
        """Return the effective settings. Raise ConfigInvalid or PermissionRefused."""
        if self._settings is None:
            self._settings = settings.load(self.environment, self.flags, self.config_path)
            self._log = None
        return self._settings

    def sound_settings(self) -> Settings:
        """Return the settings, refused where they contradict each other."""
        settings.require_sound(self.settings)
        return self.settings

    def set_job(self, job_id: str) -> None:
        """Name the job on every line that is logged from now on."""
        self.job = job_id
        if self._log is not None:
            self._log.job = job_id

    @property
    def log(self) -> Log:
        """Return the log as the settings want it, or as well as they can be read."""
        if self._log is None:
            self._log = self._make_log()
            self._log.job = self.job
        return self._log

    def _make_log(self) -> Log:
        level, log_format, mask_ips = (
            self._setting_or_default(key) for key in ("log_level", "log_format", "mask_ips")
        )
        return Log(str(level), str(log_format), self.correlation_id, bool(mask_ips))

    def _setting_or_default(self, key: str) -> object:
        if self._settings is not None:
            return self._settings[key].value
        if key in self.flags:
            return self.flags[key]
        setting = settings.BY_KEY[key]
        try:
            return setting.parse(self.environment[setting.variable])
        except (KeyError, ValueError):
            return setting.default
