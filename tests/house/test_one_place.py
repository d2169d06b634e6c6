"""One place each: what must not be written down twice is looked for in the source of every module."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bangui_cli
from bangui_cli.states import errors, events, exit_codes

PACKAGE = Path(bangui_cli.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in MODULES:
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text())


def is_within(module: str, places: tuple[str, ...]) -> bool:
    return module.startswith(places)


def texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """Return every text in a module but the docstrings, which may speak of anything."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def texts_matching(pattern: str, allowed: tuple[str, ...]) -> list[str]:
    return [
        f"{module}:{text.lineno}: {text.value!r}"
        for module, tree in trees()
        if not is_within(module, allowed)
        for text in texts(tree)
        if re.search(pattern, str(text.value))
    ]


def names_used(names: set[str], allowed: tuple[str, ...]) -> list[str]:
    """Return where `module.attribute` is used, for the dotted names given."""
    return [
        f"{module}:{node.lineno}: {ast.unparse(node)}"
        for module, tree in trees()
        if not is_within(module, allowed)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in names
    ]


# fail2ban's database is SQLite, whatever engine is below the store.
ENGINES = ("store/", "fail2ban/")

SQL = (
    r"(?s)\bSELECT\b.*\b(FROM|1)\b|\bINSERT INTO\b|\bUPDATE \w+ SET\b|\bDELETE FROM\b|\b(CREATE|ALTER) TABLE\b"
    r"|^\s*(PRAGMA|BEGIN|COMMIT|ROLLBACK)\b"
)


def test_sql_is_spelled_in_the_store_alone():
    """A column that is renamed is renamed in one package."""
    assert texts_matching(SQL, ENGINES) == [], "give the statement a name in bangui_cli/store"


def test_the_engine_is_known_to_the_store_alone():
    """A second engine, beside SQLite, needs no change above the store."""
    imported = [
        f"{module}:{node.lineno}: {name}"
        for module, tree in trees()
        if not is_within(module, ENGINES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (getattr(node, "module", None), *(alias.name for alias in node.names))
        if str(name).partition(".")[0] in ("sqlite3", "sqlite_utils", "psycopg2")
    ]

    assert imported == []


ENGINE_PACKAGES = ("bangui_cli.store.sqlite", "bangui_cli.store.postgresql")


def test_the_driver_is_known_to_one_module():
    """Another one would change that alone; an address is parsed as the driver does it."""
    imported = [
        f"{module}:{node.lineno}"
        for module, tree in trees()
        if module not in ("store/postgresql/wire.py", "store/postgresql/address.py")
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and str(node.module).startswith("psycopg2"))
        or (isinstance(node, ast.Import) and any(a.name.startswith("psycopg2") for a in node.names))
    ]

    assert imported == []


def test_no_engine_is_known_by_name_above_the_store():
    """What an engine can do is asked of it: whoever imports from one has chosen it."""
    imported = [
        f"{module}:{node.lineno}: {node.module}"
        for module, tree in trees()
        if not is_within(module, ("store/",))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(ENGINE_PACKAGES)
    ]

    assert imported == [], "ask bangui_cli.store"


def test_clocks_are_read_in_one_module():
    """A test injects a time, and a namespace's shifted clock is dealt with, once."""
    readers = {
        f"time.{name}"
        for name in ("time", "time_ns", "monotonic", "perf_counter", "clock_gettime", "sleep")
    }
    readers |= {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    readers |= {f"datetime.{name}" for name in readers}

    assert names_used(readers, ("host/clocks.py",)) == [], (
        "call bangui_cli.host.clocks, or take the time as a value"
    )


def test_what_a_stream_leads_to_is_asked_in_one_module():
    """Colours, bars and the form of the log are decided by the same answer."""
    asked = [
        f"{module}:{node.lineno}"
        for module, tree in trees()
        if module != "host/terminal.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "isatty"
    ]

    assert asked == [], "ask bangui_cli.host.terminal"


def test_the_environment_is_read_through_the_settings():
    """An option, a variable and a file must not disagree about who counts."""
    readers = {"os.environ", "os.getenv"}
    allowed = ("settings/invocation.py", "settings/run_id.py", "host/terminal.py", "host/temporary.py")
    # libpq's variables are no settings of bangui's.
    allowed += ("store/postgresql/surroundings.py", "store/postgresql/custody.py")

    assert names_used(readers, allowed) == [], "make it a setting (settings/table.py)"


def test_a_variables_name_stands_beside_its_setting():
    """Help, man page and messages take it from there."""
    # In the journal the same prefix names the fields of an entry.
    allowed = ("settings/", "telling/journal.py")

    assert texts_matching(r"^BANGUI_[A-Z]", allowed) == [], "name it in settings.TABLE and refer to that"


def test_an_events_name_is_written_once():
    """Monitors match the names: a typing mistake in a second place would be a new event."""
    names = "|".join(event.name for event in events.TABLE)

    assert texts_matching(rf"^({names})$", ("states/events.py",)) == [], (
        "use the constant in bangui_cli.states.events"
    )


def test_an_exit_code_is_written_once():
    """A code in the code is a name: the table says what it means."""
    codes = {
        value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)
    }
    numbers = [
        f"{module}:{node.lineno}: {node.value}"
        for module, tree in trees()
        if module != "states/exit_codes.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and type(node.value) is int
        and node.value in codes - {0, 1, 2, 3, 128}
    ]

    assert numbers == [], "use the constant in bangui_cli.states.exit_codes"


def test_a_process_ends_in_one_place():
    """Whoever else ended it would skip the final event, but for a child that is no run of bangui."""
    enders = {"sys.exit", "os._exit"}
    allowed = ("cli/main.py", "host/", "resolving/isolation.py")

    assert names_used(enders, allowed) == [], "raise a state of bangui_cli.states.errors"


def test_the_log_is_masked_in_one_place():
    """Every line passes there; a second mask would hide that the first one is missing."""
    assert names_used({"masking.mask_addresses"}, ("telling/log_lines.py",)) == [], (
        "log the address as it is"
    )


@pytest.mark.parametrize(
    "state",
    [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.BanguiError)
    ],
)
def test_every_state_has_a_code_from_the_table_and_says_what_to_do(state):
    """A new state gets its own hint; its code is one that the manual explains."""
    listed = {row.code for row in exit_codes.TABLE}

    assert str(state.exit_code) in listed or state.exit_code in {
        int(row.code) for row in exit_codes.NAGIOS
    }
    assert state.default_hint
    assert state is errors.BanguiError or "default_hint" in vars(state)


def test_every_event_is_told_apart_and_has_a_level():
    """The table is what the manual prints."""
    names = [event.name for event in events.TABLE]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in names)
    assert {event.level for event in events.TABLE} <= set(events.LEVELS)


def test_the_contracts_events_are_all_there_with_their_levels():
    """Their names and levels are an interface; more may be added."""
    promised = {
        "debug": ["geo_cache_flush_ran", "scheduler_lock_heartbeat_updated", "scheduler_lock_created"],
        "info": [
            "scheduler_lock_released", "database_initialised",
            "geo_cache_flush_scheduled", "scheduler_lock_heartbeat_scheduled",
        ],
        "warning": [
            "scheduler_lock_heartbeat_failed", "scheduler_lock_reacquired", "scheduler_lock_taken_over",
            "scheduler_lock_held_by_other_instance", "import_row_rejected",
        ],
        "error": [
            "geo_cache_flush_timeout", "geo_cache_flush_error", "geo_cache_flush_lock_lost",
            "scheduler_lock_heartbeat_timeout", "scheduler_lock_heartbeat_error", "scheduler_lock_malformed",
            "command_failed",
        ],
    }  # fmt: skip
    levels = {event.name: event.level for event in events.TABLE}

    assert {name: level for level, names in promised.items() for name in names}.items() <= levels.items()
