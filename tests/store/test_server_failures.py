"""What goes wrong on the way to a server, or there: its code, a hint for a server, and no password."""

import time
from pathlib import Path

import pytest
from failures import final_event
from relays import open_relay
from servers import OnServer, open_pooler, open_server

SECRET = "geheim%21%25"
DECODED = "geheim!%"
# Words that help with a file and mislead with a server.
OF_FILES = ("ls -l", "sqlite3", "fuser", "chmod", "mount")

UNREACHABLE = {
    "no server": ("postgresql://a:{p}@127.0.0.1:1/d", 69),
    "no socket": ("postgresql://a:{p}@/d?host=/nonexistent", 69),
    "no such host": ("postgresql://a:{p}@host.invalid/d", 69),
    "no TLS": ("postgresql://postgres:{p}@127.0.0.1:{port}/postgres?sslmode=require", 69),
    "wrong password": ("postgresql://postgres:{p}@127.0.0.1:{port}/postgres", 77),
    "no password": ("postgresql://postgres@127.0.0.1:{port}/postgres", 77),
    "unknown user": ("postgresql://nobody:{p}@/postgres?host={place}&port={port}", 77),
    "no database": ("postgresql://postgres:{p}@/missing?host={place}&port={port}", 66),
    "no tables": ("postgresql://postgres:{p}@/postgres?host={place}&port={port}", 66),
    "no slashes": ("postgresql:a:{p}@h/d", 78),
    "no scheme": ("postgres:{p}@h:5432/d", 78),
    "capitals": ("POSTGRES://a:{p}@h/d", 78),
    "a blank before it": (" postgresql://a:{p}@h/d", 78),
    "quotes around it": ("'postgresql://a:{p}@h/d'", 78),
    "a bare slash": ("postgresql://a:{p}/{p}@h/d", 78),
    "a bare at": ("postgresql://a:{p}@{p}@h/d", 78),
    "no such option": ("postgresql://a:{p}@h/d?bogus=1", 78),
    "no such sslmode": ("postgresql://a:{p}@h/d?sslmode=loud", 78),
    "no end of the address": ("postgresql://a:{p}@[::1/d", 78),
    "an unfinished escape": ("postgresql://a:{p}%zz@h/d", 78),
    "no such service": ("postgresql://?service=missing&password={p}", 78),
    "ports and hosts": ("postgresql://a:{p}@/d?host=a,b,c&port=1,2", 78),
}


def at(url: str, bangui: OnServer) -> dict[str, str]:
    place = {"p": SECRET, "place": bangui.server.place, "port": bangui.server.port}
    return {"BANGUI_DATABASE_PATH": url.format(**place), "TERM": "dumb"}


def require_fit(ended) -> None:
    """Hold the words of a failure to what a person at a server needs, and may see."""
    event = final_event(ended)
    for text in (ended.stdout, ended.stderr):
        assert SECRET not in text
        assert DECODED not in text
        assert "geheim" not in text
    assert not any(word in event["hint"] for word in OF_FILES), event


@pytest.mark.parametrize("command", ["heartbeat", "status"])
@pytest.mark.parametrize("case", UNREACHABLE)
def test_what_is_in_the_way_has_its_code(empty_on_server: OnServer, case: str, command: str):
    """Also where libpq quotes the whole address in its own words."""
    url, code = UNREACHABLE[case]
    ended = empty_on_server.run(command, env=at(url, empty_on_server))

    assert ended.code == code, ended
    require_fit(ended)


@pytest.mark.parametrize("case", UNREACHABLE)
def test_nothing_that_shows_an_address_shows_its_password(empty_on_server: OnServer, case: str):
    """However wrong it is."""
    url, code = UNREACHABLE[case]
    for command in (
        "config show",
        "config show --json",
        "doctor",
        "doctor --json",
        "init",
        "add 192.0.2.1",
    ):
        if (case, command) == ("no tables", "init"):
            continue
        ended = empty_on_server.run(*command.split(), env=at(url, empty_on_server))
        assert ended.code == (0 if "config" in command else ended.code and code), ended
        assert "geheim" not in ended.stdout + ended.stderr, command


def test_a_password_in_the_address_lets_in_and_stays_unseen(on_server: OnServer):
    """Neither `status` nor an event at any level tells it."""
    on_server.execute("DROP ROLE IF EXISTS secretive")
    on_server.execute("CREATE ROLE secretive LOGIN SUPERUSER PASSWORD 'geheim!%'")
    url = f"postgresql://secretive:{{p}}@127.0.0.1:{{port}}/{on_server.name}"

    for command in ("heartbeat -v", "flush -v", "add 192.0.2.1", "status", "status --json", "doctor -v",
                    "init -v", "lock show", "lookup 192.0.2.1", "report"):  # fmt: skip
        ended = on_server.run(*command.split(), env=at(url, on_server))
        assert ended.code == 0, ended
        assert "geheim" not in ended.stdout + ended.stderr, command
    refused = on_server.run("schedule", "install", "--root", on_server.home, env=at(url, on_server))
    assert refused.code == 78
    require_fit(refused)
    assert "pass file" in final_event(refused)["hint"]


def test_the_servers_own_address_is_no_visitors(empty_on_server: OnServer):
    """It is not masked: who is to find the server needs it."""
    event = final_event(
        empty_on_server.run("heartbeat", env=at("postgresql://127.0.0.1:1/d", empty_on_server))
    )

    assert "127.0.0.1:1" in event["error"]


def test_a_role_without_rights_is_told_so(on_server: OnServer):
    """Not that the tables were missing: `init` would not help."""
    on_server.execute("DROP ROLE IF EXISTS stranger")
    on_server.execute("CREATE ROLE stranger LOGIN")
    ended = on_server.run(
        "status", env={"BANGUI_DATABASE_PATH": on_server.url.replace("postgres@", "stranger@")}
    )

    assert ended.code == 77
    require_fit(ended)
    assert "--grant-reader" in final_event(ended)["hint"]


def test_a_role_that_may_make_no_schema_is_told_so(empty_on_server: OnServer):
    """By who initialises."""
    empty_on_server.execute("DROP ROLE IF EXISTS nobody_yet")
    empty_on_server.execute("CREATE ROLE nobody_yet LOGIN")
    url = empty_on_server.url.replace("postgres@", "nobody_yet@")
    ended = empty_on_server.run("init", env={"BANGUI_DATABASE_PATH": url})

    assert ended.code == 77
    assert "GRANT CREATE" in final_event(ended)["hint"]


def test_a_read_only_database_is_one(on_server: OnServer):
    """What only reads goes on."""
    on_server.execute(f"ALTER DATABASE {on_server.name} SET default_transaction_read_only = on")

    assert on_server.run("heartbeat").code == 77
    assert on_server.run("add", "192.0.2.1").code == 77
    assert on_server.ok("init").code == 0
    assert on_server.ok("status", "--json").json["lock"]["verdict"] == "free"


def test_who_gets_no_connection_tries_again_within_the_timeout(on_server: OnServer):
    """Of many that start at once the late ones still come in time; else it is 75."""
    on_server.execute("DROP ROLE IF EXISTS crowded")
    on_server.execute("CREATE ROLE crowded LOGIN SUPERUSER CONNECTION LIMIT 0")
    # The limit is none for a superuser.
    on_server.execute("ALTER ROLE crowded NOSUPERUSER")
    on_server.execute("GRANT USAGE ON SCHEMA bangui TO crowded")
    on_server.execute("GRANT ALL ON ALL TABLES IN SCHEMA bangui TO crowded")
    env = {"BANGUI_DATABASE_PATH": on_server.url.replace("postgres@", "crowded@")}

    late = on_server.run("heartbeat", "--timeout", "3", env=env)
    waiting = on_server.start("heartbeat", "--timeout", "20", env=env)
    time.sleep(0.5)
    on_server.execute("ALTER ROLE crowded CONNECTION LIMIT 10")

    assert late.code == 75
    require_fit(late)
    assert on_server.end(waiting).code == 0


def test_a_last_try_that_is_cut_short_is_a_full_server_all_the_same(on_server: OnServer):
    """A far server answers each try late: what was in the way is told, and not that the time is over."""
    on_server.execute("DROP ROLE IF EXISTS far_away")
    on_server.execute("CREATE ROLE far_away LOGIN PASSWORD 'relayed' CONNECTION LIMIT 0")
    with open_relay(on_server.server, delay_s=0.1) as relay:
        url = f"postgresql://far_away:relayed@{relay.address}/{on_server.name}"
        runs = [
            on_server.start("heartbeat", "--timeout", str(timeout_s), "-d", url)
            for timeout_s in (3, 3.2, 3.4, 3.6, 3.8)
        ]
        ended = [on_server.end(run) for run in runs]

    assert [one.code for one in ended] == [75] * len(runs)


def test_a_herd_comes_by_its_turn_where_there_are_two_connections_for_all(tmp_path: Path):
    """Whatever each of them does, none ends for want of a connection."""
    with open_server(connections=5) as server:  # three of them are a superuser's
        bangui = OnServer(tmp_path, server)
        server.execute("CREATE ROLE hosts LOGIN")
        bangui.ok("init", "--grant-writer", "hosts")
        come_all_at_once(bangui, bangui.url.replace("postgres@", "hosts@"))


def test_a_herd_comes_by_its_turn_at_a_pooler_that_is_full(on_server: OnServer):
    """It has a number of its own that it lets in, and says so in its own way."""
    with open_pooler(on_server.server, 2, clients=2) as (place, port):
        come_all_at_once(on_server, f"postgresql://postgres@/{on_server.name}?host={place}&port={port}")


def come_all_at_once(bangui: OnServer, url: str) -> None:
    commands = ("heartbeat --held-ok --timeout 50", "flush --held-ok", "status", "add 192.0.2.1")
    runs = [
        bangui.start(*command.split(), "-d", url, "--instance", f"web{number}")
        for number in range(4)
        for command in commands
    ]
    ended = [bangui.end(run) for run in runs]

    assert [one.code for one in ended] == [0] * len(runs), ended


@pytest.mark.parametrize(
    ("import_", "error"),
    [
        ("raise ModuleNotFoundError('none', name='psycopg2')", "needs the module psycopg2"),
        ("raise ImportError('libpq.so.5: no such file')", "cannot be loaded: libpq.so.5: no such file"),
    ],
    ids=["missing", "broken"],
)
def test_without_the_driver_it_says_what_to_install(empty_on_server: OnServer, import_: str, error: str):
    """Who has a file needs none."""
    broken = empty_on_server.home / "without" / "psycopg2"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(import_)
    env = {"PYTHONPATH": f"{broken.parent}:{empty_on_server.environment['PYTHONPATH']}"}

    for command in ("heartbeat", "status", "init", "add 192.0.2.1"):
        ended = empty_on_server.run(*command.split(), env=env)
        assert ended.code == 69
        assert error in final_event(ended)["error"]
        assert "pip install 'bangui-cli[postgresql]'" in final_event(ended)["hint"]
    assert empty_on_server.run("doctor", env=env).code == 69
    assert empty_on_server.run("init", "-d", empty_on_server.home / "file.db", env=env).code == 0


def test_what_belongs_to_a_file_is_a_usage_error(empty_on_server: OnServer):
    """With a word why."""
    for options in (["--journal-mode", "wal"], ["--journal-mode", "delete"]):
        ended = empty_on_server.run("init", *options)
        assert ended.code == 2
        assert "file" in final_event(ended)["error"]
