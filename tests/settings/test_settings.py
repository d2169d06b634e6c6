"""Settings: defaults < file < environment < flags, and every unfit value named with its place."""

import os
from pathlib import Path
from typing import Any

import others
import pytest

from bangui_cli.settings import config_file
from bangui_cli.settings import table as settings
from bangui_cli.settings.table import Sourced
from bangui_cli.states.errors import ConfigInvalid, PermissionRefused

HOUR_S = 3600.0

# key, TOML value and what it means, variable's text and what it means, option and its text.
ROWS: list[tuple[str, str, Any, str, Any]] = [
    ("database_path", '"/file.db"', "/file.db", "/env.db", "/env.db"),
    ("instance", '"from-file"', "from-file", "from-env", "from-env"),
    ("lock_ttl", '"10m"', 600.0, "1h", HOUR_S),
    ("flush_interval", "90", 90.0, "2m", 120.0),
    ("heartbeat_interval", "5.5", 5.5, "10s", 10.0),
    ("flush_timeout", '"30s"', 30.0, "45", 45.0),
    ("heartbeat_timeout", "2", 2.0, "0.5", 0.5),
    ("batch_size", "50", 50, "500", 500),
    ("log_level", '"debug"', "debug", "ERROR", "error"),
    ("log_format", '"json"', "json", "Journald", "journald"),
    ("log_target", '"journal"', "journal", "Stderr", "stderr"),
    ("mask_ips", "false", False, "no", False),
    (
        "geoip_db",
        '["/a.mmdb", "/b.mmdb"]',
        ("/a.mmdb", "/b.mmdb"),
        "/c.mmdb:/d.mmdb",
        ("/c.mmdb", "/d.mmdb"),
    ),
    ("geoip_registered", "true", True, "on", True),
    ("fail2ban_db", '"/f2b-file"', "/f2b-file", "/f2b-env", "/f2b-env"),
    ("collect_interval", '"1m"', 60.0, "never", None),
    ("re_resolve_interval", '"never"', None, "2d", 172800.0),
    ("prune_interval", "7200", 7200.0, "Never", None),
    ("report_interval", '"6h"', 21600.0, "never", None),
    ("collect_timeout", '"30s"', 30.0, "90", 90.0),
    ("re_resolve_timeout", '"5m"', 300.0, "1h", HOUR_S),
    ("prune_timeout", '"5m"', 300.0, "1h", HOUR_S),
    ("cache_retention", '"1w"', 604800.0, "never", None),
    ("history_retention", '"never"', None, "730d", 63072000.0),
    ("report_path", '"/www/bans.html"', "/www/bans.html", "/srv/bans.html", "/srv/bans.html"),
    ("report_span", '"7d"', 604800.0, "1w", 604800.0),
    ("metrics_path", '"/metrics"', "/metrics", "/textfile", "/textfile"),
]
IDS = [row[0] for row in ROWS]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bangui.toml"


def load(environment: dict[str, str] | None = None, **flags: Sourced) -> settings.Settings:
    return settings.load({"HOME": "/nowhere", **(environment or {})}, flags)


def refused(environment: dict[str, str]) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as caught:
        load(environment)
    return caught.value


def test_the_table_of_this_test_covers_every_setting():
    """A new setting gets its row here."""
    assert [setting.key for setting in settings.TABLE] == IDS


@pytest.mark.parametrize(("key", "toml", "from_file", "text", "from_variable"), ROWS, ids=IDS)
def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(
    file, key, toml, from_file, text, from_variable
):
    """Each setting comes from the strongest source that has it, and says which that was."""
    variable = settings.BY_KEY[key].variable
    file.write_text(f"{key} = {toml}\n")
    by_file = {"BANGUI_CONFIG": str(file)}
    by_both = {**by_file, variable: text}
    flag = Sourced(object(), "flag --option")

    assert load()[key].source == "default"
    assert load(by_file)[key] == (from_file, f"file {file}")
    assert load(by_both)[key] == (from_variable, f"environment {variable}")
    assert load(by_both, **{key: flag})[key] == flag


@pytest.mark.parametrize("setting", settings.TABLE, ids=IDS)
def test_an_empty_variable_counts_as_unset(setting):
    """A crontab's `NAME=` line leaves the default alone."""
    assert load({setting.variable: ""})[setting.key] == load()[setting.key]


def test_an_empty_name_of_a_file_counts_as_unset(tmp_path):
    """`BANGUI_CONFIG=` looks where it would look anyway."""
    assert (
        settings.load({"HOME": str(tmp_path), "BANGUI_CONFIG": ""}, {})["batch_size"].source == "default"
    )


@pytest.mark.parametrize(
    "option", ["--database", "--config", "--instance", "--correlation-id", "--timeout"]
)
def test_an_empty_option_is_a_mistake(bare, option):
    """It was given by a script whose variable is empty; the default would be another's database."""
    ended = bare.run("flush", option, "")

    assert ended.code == 2
    assert option in ended.events[0]["error"]


@pytest.mark.parametrize("variable", ["BANGUI_LOG_LEVEL", "BANGUI_LOG_FORMAT", "BANGUI_MASK_IPS"])
def test_an_unfit_setting_of_the_log_is_logged(bare, variable):
    """By the default in its place, and the others as they are."""
    ended = bare.run("status", env={variable: "nonsense"})
    (event,) = ended.events

    assert ended.code == event["exit_code"] == 78
    assert event["error"].startswith(f"{variable} = 'nonsense': ")


def test_zero_does_not_count_as_unset():
    """`0` is a value: false for a flag, refused for a time and a number of rows."""
    assert load({"BANGUI_MASK_IPS": "0"})["mask_ips"] == (False, "environment BANGUI_MASK_IPS")
    assert (
        "BANGUI_FLUSH_TIMEOUT = '0': must be more than 0" in refused({"BANGUI_FLUSH_TIMEOUT": "0"}).error
    )
    assert "BANGUI_BATCH_SIZE" in refused({"BANGUI_BATCH_SIZE": "0"}).error


UNFIT = [
    *[("lock_ttl", text) for text in ("-1", "nan", "inf", "1e3", " 5", "5 s", "1h30", "9" * 400, "٣", "true")],
    *[("flush_timeout", text) for text in ("0s", "0.0", ".", "1.2.3", "100000d")],
    *[("batch_size", text) for text in ("-1", "1.5", "1_000", "10k", "1000001", "9" * 5000, "٣")],
    *[("log_level", text) for text in ("loud", "INFO ", "20")],
    ("log_format", "xml"),
    ("log_target", "syslog"),
    ("mask_ips", "maybe"),
    *[(key, "nevermore") for key in ("collect_interval", "cache_retention", "report_span")],
    *[("instance", text) for text in ("a\nb", "\x1b[31m", "\udcff", "n" * 129, "\u202ereversed")],
]  # fmt: skip


@pytest.mark.parametrize(("key", "text"), UNFIT)
def test_an_unfit_variable_is_named_with_its_value(key, text):
    """The operator reads which variable to correct."""
    variable = settings.BY_KEY[key].variable
    error = refused({variable: text})

    assert error.error.startswith(f"{variable} = {text!r}: ")
    assert error.exit_code == 78
    assert error.hint.startswith("correct or unset it")


ILL_TYPED = [
    ("database_path", "7"),
    ("database_path", '""'),
    ("database_path", '"a\\u0000b"'),
    ("instance", "true"),
    ("lock_ttl", "true"),
    ("lock_ttl", "[60]"),
    ("lock_ttl", "-60"),
    ("lock_ttl", "nan"),
    ("lock_ttl", "inf"),
    ("lock_ttl", "2026-01-01"),
    ("batch_size", "0"),
    ("batch_size", "true"),
    ("batch_size", "1.0"),
    ("log_level", "10"),
    ("mask_ips", "1"),
    ("geoip_registered", '"perhaps"'),
    ("geoip_db", "{a = 1}"),
    ("geoip_db", "[1]"),
]


@pytest.mark.parametrize(("key", "toml"), ILL_TYPED)
def test_an_ill_typed_key_is_named_with_its_file(file, key, toml):
    """The operator reads which line of which file to correct."""
    file.write_text(f"{key} = {toml}\n")
    error = refused({"BANGUI_CONFIG": str(file)})

    assert error.error.startswith(f"{file}: {key} = ")
    assert error.exit_code == 78


@pytest.mark.parametrize("key", ["lock_tll", "flush", "BANGUI_INSTANCE"])
def test_an_unknown_key_is_named_with_its_file_and_the_known_ones(file, key):
    """A typing mistake must not leave the default in force unseen."""
    file.write_text(f"{key} = 1\n")
    error = refused({"BANGUI_CONFIG": str(file)})

    assert error.error == f"{file}: unknown key {key!r}"
    assert "lock_ttl" in error.hint


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [("database", "database_path"), ("lock_tll", "lock_ttl"), ("fail2ban", "fail2ban_db")],
)
def test_the_key_that_is_meant_is_named_first(file, mistyped, meant):
    """Nobody finds the right one of thirty at a glance."""
    file.write_text(f"{mistyped} = 1\n")

    assert refused({"BANGUI_CONFIG": str(file)}).hint.startswith(f"is {meant} meant?")


@pytest.mark.parametrize("content", [b"lock_ttl", b"= 1", b"\xff\xfe", b"a = " + b"[" * 20_000, b"\0"])
def test_a_file_that_is_not_toml_is_refused(file, content):
    """Whatever is wrong with it, the answer is one state that names the file."""
    file.write_bytes(content)
    error = refused({"BANGUI_CONFIG": str(file)})

    assert f"{file} is not TOML" in error.error


def test_a_file_that_was_named_must_be_there(file):
    """A typing mistake in --config must not run on the defaults."""
    assert f"cannot read {file}: No such file" in refused({"BANGUI_CONFIG": str(file)}).error
    assert "Is a directory" in refused({"BANGUI_CONFIG": str(file.parent)}).error


def test_a_file_without_an_end_is_refused(file):
    """Neither a FIFO nor a device may hang a job before its timeout is known."""
    os.mkfifo(file)

    assert "FIFO" in refused({"BANGUI_CONFIG": str(file)}).error
    assert "more than" in refused({"BANGUI_CONFIG": "/dev/zero"}).error
    assert load({"BANGUI_CONFIG": "/dev/null"}).lock_ttl == 300.0


@pytest.mark.parametrize("content", ["a" + ".a" * 400_000 + " = 1", "[" + "a." * 400_000 + "a]"])
def test_a_key_of_many_parts_is_refused_in_time(file, content):
    """The parser takes the square of them: a job would have hung before its timeout is known."""
    file.write_text(content)

    assert "dots" in refused({"BANGUI_CONFIG": str(file)}).error


def test_an_unreadable_file_is_a_matter_of_permission(file):
    """77 tells an operator to look at the owner, not at the content."""
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    file.write_text("")
    file.chmod(0)

    with pytest.raises(PermissionRefused):
        load({"BANGUI_CONFIG": str(file)})


def test_the_file_is_found_in_the_users_own_directory_first(tmp_path):
    """$XDG_CONFIG_HOME, or ~/.config where that is unset, empty or relative."""
    own = tmp_path / ".config" / "bangui" / "bangui.toml"
    own.parent.mkdir(parents=True)
    own.write_text("batch_size = 7\n")
    home = {"HOME": str(tmp_path)}

    for xdg in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}):
        assert settings.load({**home, **xdg}, {})["batch_size"] == (7, f"file {own}")
    elsewhere = {"HOME": "/nowhere", "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    assert settings.load(elsewhere, {}).batch_size == 7


def test_the_default_database_is_the_systems_for_root_and_the_users_own_otherwise(monkeypatch):
    """Neither needs a setting."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert load().database_path == "/var/lib/bangui/bangui.db"

    monkeypatch.setattr(os, "geteuid", lambda: 12345678)
    assert load().database_path == "/nowhere/.local/share/bangui/bangui.db"
    assert load({"XDG_DATA_HOME": "/data"}).database_path == "/data/bangui/bangui.db"
    assert load({"XDG_DATA_HOME": "data"}).database_path == "/nowhere/.local/share/bangui/bangui.db"


def test_a_user_without_a_home_is_told_to_name_the_database(monkeypatch):
    """A container's bare user ID has no place of its own; only the database needs one."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345678)

    with pytest.raises(ConfigInvalid, match="HOME is not set to an absolute path") as caught:
        settings.load({}, {})
    with pytest.raises(ConfigInvalid, match="absolute path"):
        settings.load({"HOME": "home/web"}, {})
    assert "--database" in caught.value.hint
    assert settings.load({"BANGUI_DATABASE_PATH": "/x.db"}, {}).database_path == "/x.db"


@pytest.mark.parametrize(
    ("ttl", "interval", "fault"),
    [
        ("180", "60", None),
        ("179", "60", "less than 3 x heartbeat_interval"),
        ("1h", "60", None),
        ("3601", "60", "more than 1 h"),
        ("15", "5", None),
        ("1.2", "0.4", None),
    ],
)
def test_a_ttl_that_a_late_heartbeat_would_lose_is_refused(ttl, interval, fault):
    """Three intervals at least, one hour at most."""
    loaded = load({"BANGUI_LOCK_TTL": ttl, "BANGUI_HEARTBEAT_INTERVAL": interval})

    if fault is None:
        settings.require_sound(loaded)
        return
    with pytest.raises(ConfigInvalid, match=fault) as caught:
        settings.require_sound(loaded)
    assert caught.value.fields["lock_ttl_source"] == "environment BANGUI_LOCK_TTL"


COMMANDS = [
    ["init"],
    ["flush"],
    ["heartbeat"],
    ["add", "192.0.2.1"],
    ["lookup", "192.0.2.1"],
    ["status"],
    ["lock", "show"],
    ["lock", "release"],
    ["config", "show"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_refuses_contradictory_settings(bare, command):
    """78, one event that names both settings, and nothing done."""
    ended = bare.run(*command, env={"BANGUI_LOCK_TTL": "60"})

    assert ended.code == 78
    (event,) = ended.events
    assert "lock_ttl is 60 s: less than 3 x heartbeat_interval (60 s)" in event["error"]
    assert "set lock_ttl" in event["hint"]
    assert not bare.database.exists()


def test_config_show_names_value_and_source(bare, tmp_path):
    """Each of the four sources, the option and the variable by name."""
    file = tmp_path / "own.toml"
    file.write_text("batch_size = 7\n")
    options = ["--config", file, "--instance", "web2", "-v"]
    shown = bare.ok("config", "show", "--format", "json", *options).json

    assert list(shown) == IDS
    assert shown["batch_size"] == {"value": 7, "source": f"file {file}"}
    assert shown["instance"] == {"value": "web2", "source": "flag --instance"}
    assert shown["log_level"] == {"value": "debug", "source": "flag -v"}
    assert shown["log_format"] == {"value": "json", "source": "environment BANGUI_LOG_FORMAT"}
    assert shown["lock_ttl"] == {"value": 300.0, "source": "default"}


@others.needs_root
def test_who_is_not_root_may_keep_settings_where_others_write(tmp_path: Path):
    """They decide over nothing but that user's own."""
    with others.open_place() as place:
        path = place / "bangui.toml"
        path.touch()
        path.chmod(0o666)

        assert config_file.doubt(str(path))
        assert others.succeeds_as(others.NOBODY, lambda: _require_none(config_file.doubt(str(path))))


def _require_none(value: object) -> None:
    assert value is None
