"""The settings: one table, four sources (defaults < file < environment < flags), checked once."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bangui_cli.rules import lease, server_urls
from bangui_cli.settings import config_file
from bangui_cli.settings.values import (
    one_of,
    parse_duration_s,
    parse_flag,
    parse_name,
    parse_path,
    parse_paths,
    parse_rows,
    parse_span_s,
)
from bangui_cli.states import events
from bangui_cli.states.errors import IF_MISTYPED, ConfigInvalid
from bangui_cli.states.records import Record

SYSTEM_DATABASE_PATH = "/var/lib/bangui/bangui.db"
LOG_FORMATS = ("auto", "console", "json", "journald")
LOG_TARGETS = ("stderr", "journal")


class Setting(Record):
    """One setting; a default of None is worked out from the environment by `_derived_default`."""

    key: str
    variable: str
    parse: Callable[[object], Any]
    default: Any
    default_text: str
    meaning: str


TABLE = (
    Setting(
        "database_path", "BANGUI_DATABASE_PATH", parse_path, None,
        "/var/lib/bangui/bangui.db as root, else $XDG_DATA_HOME/bangui/bangui.db",
        "the SQLite file, or the URL of a PostgreSQL server",
    ),
    Setting(
        "instance", "BANGUI_INSTANCE", parse_name, None,
        "the host name; for a server, with 8 digits of the machine ID behind it",
        "the name under which the scheduler lock is held",
    ),
    Setting(
        "lock_ttl", "BANGUI_LOCK_TTL", parse_duration_s, 300.0, "5m",
        "after this time without a heartbeat another instance takes over",
    ),
    Setting(
        "flush_interval", "BANGUI_FLUSH_INTERVAL", parse_duration_s, 60.0, "1m",
        "how often the flush job is scheduled",
    ),
    Setting(
        "heartbeat_interval", "BANGUI_HEARTBEAT_INTERVAL", parse_duration_s, 60.0, "1m",
        "how often the heartbeat job is scheduled",
    ),
    Setting(
        "flush_timeout", "BANGUI_FLUSH_TIMEOUT", parse_duration_s, 60.0, "1m",
        "the longest a flush run may take, waits included",
    ),
    Setting(
        "heartbeat_timeout", "BANGUI_HEARTBEAT_TIMEOUT", parse_duration_s, 5.0, "5s",
        "the longest a heartbeat run may take, waits included",
    ),
    Setting(
        "batch_size", "BANGUI_BATCH_SIZE", parse_rows, 10_000, "10000",
        "the most rows that one transaction of a flush moves",
    ),
    Setting(
        "log_level", "BANGUI_LOG_LEVEL", one_of(events.LEVELS), "info", "info",
        f"the least level that is logged: {', '.join(events.LEVELS)}",
    ),
    Setting(
        "log_format", "BANGUI_LOG_FORMAT", one_of(LOG_FORMATS), "auto", "auto",
        f"the form of the log: {', '.join(LOG_FORMATS)}",
    ),
    Setting(
        "log_target", "BANGUI_LOG_TARGET", one_of(LOG_TARGETS), "stderr", "stderr",
        f"where the log goes: {', '.join(LOG_TARGETS)}",
    ),
    Setting(
        "mask_ips", "BANGUI_MASK_IPS", parse_flag, True, "true",
        "whether the log shows networks (/24, /48) instead of addresses",
    ),
    Setting(
        "geoip_db", "BANGUI_GEOIP_DB_PATH", parse_paths, (),
        "what is found in /usr/share/GeoIP and /var/lib/GeoIP", "the MMDB files to look addresses up in",
    ),
    Setting(
        "geoip_registered", "BANGUI_GEOIP_REGISTERED", parse_flag, False, "false",
        "whether the country where a network is registered counts where an MMDB file has no other",
    ),
    Setting(
        "fail2ban_db", "BANGUI_FAIL2BAN_DB", parse_path, "/var/lib/fail2ban/fail2ban.sqlite3",
        "/var/lib/fail2ban/fail2ban.sqlite3", "fail2ban's own database",
    ),
    Setting(
        "collect_interval", "BANGUI_COLLECT_INTERVAL", parse_span_s, 300.0, "5m",
        "how often the collect job is scheduled; never leaves it out",
    ),
    Setting(
        "re_resolve_interval", "BANGUI_RE_RESOLVE_INTERVAL", parse_span_s, 86400.0, "1d",
        "how often cached addresses are looked up again; never leaves the job out",
    ),
    Setting(
        "prune_interval", "BANGUI_PRUNE_INTERVAL", parse_span_s, 86400.0, "1d",
        "how often the prune job is scheduled; never leaves it out",
    ),
    Setting(
        "report_interval", "BANGUI_REPORT_INTERVAL", parse_span_s, 3600.0, "1h",
        "how often the page is made; never leaves it out",
    ),
    Setting(
        "collect_timeout", "BANGUI_COLLECT_TIMEOUT", parse_duration_s, 60.0, "1m",
        "the longest a collect run may take, waits included",
    ),
    Setting(
        "re_resolve_timeout", "BANGUI_RE_RESOLVE_TIMEOUT", parse_duration_s, 600.0, "10m",
        "the longest a run of resolve --cached may take, waits included",
    ),
    Setting(
        "prune_timeout", "BANGUI_PRUNE_TIMEOUT", parse_duration_s, 600.0, "10m",
        "the longest a prune run may take, waits included",
    ),
    Setting(
        "cache_retention", "BANGUI_CACHE_RETENTION", parse_span_s, 7776000.0, "90d",
        "how long an address stays cached that nothing refers to; never keeps all",
    ),
    Setting(
        "history_retention", "BANGUI_HISTORY_RETENTION", parse_span_s, 31536000.0, "365d",
        "how long a ban is remembered; never keeps all",
    ),
    Setting(
        "report_path", "BANGUI_REPORT_PATH", parse_path, None, "none",
        "the page that the schedule makes",
    ),
    Setting(
        "report_span", "BANGUI_REPORT_SPAN", parse_duration_s, 2592000.0, "30d",
        "the span that the page tells of",
    ),
    Setting(
        "metrics_path", "BANGUI_METRICS_PATH", parse_path, None, "none",
        "the directory for Prometheus' textfile collector that the schedule writes to",
    ),
)  # fmt: skip
BY_KEY = {setting.key: setting for setting in TABLE}


class Sourced(Record):
    """A value and where it came from: default, file PATH, environment NAME or flag --NAME."""

    value: Any
    source: str


class Settings(Mapping[str, Sourced]):
    """The effective settings by key; `settings.lock_ttl` is the value alone."""

    def __init__(self, values: dict[str, Sourced]) -> None:
        self._values = values

    def __getattr__(self, key: str) -> Any:
        try:
            return self._values[key].value
        except KeyError:
            raise AttributeError(key) from None

    def __getitem__(self, key: str) -> Sourced:
        return self._values[key]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def with_origin(hint: str, database: Sourced) -> str:
    """Say before a hint where the path of the database comes from: `init` makes a mistake permanent.

    Nobody has mistyped the default, but it may be that of the wrong user.
    """
    if database.source == "default":
        rest = hint.removeprefix(IF_MISTYPED)
        return f"the path is the default of this user; name another with --database, or {rest}"
    return f"the path comes from {database.source}; {hint}"


def load(
    environment: Mapping[str, str], flags: Mapping[str, Sourced], config_path: str | None = None
) -> Settings:
    """Resolve every setting. `flags` holds what options gave, parsed already, by key.

    Raise ConfigInvalid naming the source and the key, PermissionRefused for an unreadable file.
    """
    path = config_path or config_file.find(environment)
    from_file = config_file.read(path) if path else {}
    _refuse_unknown_keys(from_file, path)
    return Settings(
        _told_apart(
            {setting.key: _resolve(setting, environment, flags, from_file, path) for setting in TABLE}
        )
    )


def _told_apart(values: dict[str, Sourced]) -> dict[str, Sourced]:
    """Give instances that meet on a server names of their own: clones share a host name."""
    is_on_server = server_urls.is_server_url(values["database_path"].value)
    if is_on_server and values["instance"].source == "default":
        from bangui_cli.host import machine

        digits = machine.short_id()
        if digits:
            values["instance"] = Sourced(f"{values['instance'].value}-{digits}", "default")
    return values


def single(key: str, environment: Mapping[str, str], flags: Mapping[str, Sourced]) -> Any:
    """Return the value of one setting, without the file, its default where it cannot be read."""
    try:
        return _resolve(BY_KEY[key], environment, flags, {}, None).value
    except ConfigInvalid:
        return BY_KEY[key].default


def require_sound(settings: Settings) -> None:
    """Raise ConfigInvalid where the settings contradict each other."""
    fault = lock_ttl_fault(settings)
    if fault:
        raise ConfigInvalid(
            fault,
            hint="set lock_ttl to at least 3 x heartbeat_interval, and to 1h at most",
            lock_ttl_source=settings["lock_ttl"].source,
            heartbeat_interval_source=settings["heartbeat_interval"].source,
        )


def lock_ttl_fault(settings: Settings) -> str | None:
    """Say why the TTL cannot work, if so: a late heartbeat or two must not cost the lock."""
    ttl_s, interval_s = settings.lock_ttl, settings.heartbeat_interval
    if ttl_s > lease.TTL_CEILING_S:
        return f"lock_ttl is {ttl_s:g} s: more than 1 h"
    # To the microsecond: 3 * 0.4 is 1.2000000000000002.
    if ttl_s < round(3 * interval_s, 6):
        return f"lock_ttl is {ttl_s:g} s: less than 3 x heartbeat_interval ({interval_s:g} s)"
    return None


def _refuse_unknown_keys(from_file: Mapping[str, object], path: str | None) -> None:
    for key in from_file:
        if key not in BY_KEY:
            near, known = nearest(key, BY_KEY), ", ".join(BY_KEY)
            raise ConfigInvalid(
                f"{path}: unknown key {key!r}", hint=f"is {near} meant? the keys are {known}"
            )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is the most like one that is mistyped."""
    import difflib  # 2 ms

    return difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]


def _resolve(
    setting: Setting,
    environment: Mapping[str, str],
    flags: Mapping[str, Sourced],
    from_file: Mapping[str, object],
    path: str | None,
) -> Sourced:
    if setting.key in flags:
        return flags[setting.key]
    # An empty variable counts as unset, as click has it; 0 does not.
    if environment.get(setting.variable):
        raw: object = environment[setting.variable]
        source, name, remedy = f"environment {setting.variable}", setting.variable, "correct or unset it"
    elif setting.key in from_file:
        raw = from_file[setting.key]
        source, name, remedy = f"file {path}", f"{path}: {setting.key}", "correct the file"
    else:
        return Sourced(_default(setting, environment), "default")
    try:
        return Sourced(setting.parse(raw), source)
    except ValueError as error:
        raise ConfigInvalid(
            f"{name} = {_shown(raw)!r}: {error}", hint=f"{remedy}: {setting.meaning}", key=setting.key
        ) from None


def _shown(raw: object) -> object:
    return server_urls.shown(raw) if isinstance(raw, str) else raw


def _default(setting: Setting, environment: Mapping[str, str]) -> Any:
    if setting.key == "instance":
        return os.uname().nodename
    if setting.key == "database_path":
        return default_database_path(environment)
    return setting.default


def default_database_path(environment: Mapping[str, str]) -> str:
    """Return where the database of this user is where nothing is set. Raise ConfigInvalid."""
    if os.geteuid() == 0:
        return SYSTEM_DATABASE_PATH
    data = config_file.base_directory(environment, "XDG_DATA_HOME", ".local/share")
    if data is None:
        raise ConfigInvalid(
            "no place for the database: HOME is not set to an absolute path",
            hint="give --database PATH or set BANGUI_DATABASE_PATH",
        )
    return f"{data}/bangui/bangui.db"
