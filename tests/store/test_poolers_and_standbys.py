"""What stands before a server, or beside it: a pooler that shares sessions, a standby that only reads."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import wait_until
from fail2bans import Fail2banDatabase
from failures import final_event
from servers import Connection, OnServer, connect, open_pooler, open_standby

# Whatever a session can keep for the next one that comes by it. What pgbouncer itself keeps in step with
# its clients is not counted.
STATE = """
SELECT ARRAY(SELECT name || '=' || setting FROM pg_settings
              WHERE source = 'session'
                AND name NOT IN ('application_name', 'client_encoding', 'DateStyle', 'TimeZone',
                                 'standard_conforming_strings')
              ORDER BY 1),
       current_setting('search_path'), current_user,
       ARRAY(SELECT name FROM pg_prepared_statements), ARRAY(SELECT name FROM pg_cursors),
       ARRAY(SELECT * FROM pg_listening_channels()),
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
       (SELECT count(*) FROM pg_class WHERE relpersistence = 't')"""
COMMANDS = (
    "flush --wait 20", "heartbeat --timeout 30", "heartbeat --timeout 30 --instance web2",
    "prune --wait 20 --timeout 60", "forget 198.51.100.1", "add 192.0.2.1 --country-code DE",
    "collect", "status", "lock show", "bans", "export", "report --history --format html", "doctor",
    "lookup 192.0.2.1", "report --history --by ip",
)  # fmt: skip


def test_thirty_two_clients_share_two_connections_and_leave_nothing_behind(on_server: OnServer):
    """In transaction mode each message may meet another session, and another program's may follow."""
    before = on_server.rows(STATE)
    fail2ban = Fail2banDatabase(on_server.home / "fail2ban.sqlite3")
    with open_pooler(on_server.server, 2) as (place, port):
        url = f"postgresql://postgres@/{on_server.name}?host={place}&port={port}"
        env = {"BANGUI_DATABASE_PATH": url, "BANGUI_FAIL2BAN_DB": str(fail2ban.path)}
        rows = "\n".join(json.dumps({"ip": f"192.0.2.{n}", "country_code": "DE"}) for n in range(200))
        on_server.ok("init", env=env)
        on_server.ok("add", "192.0.2.1", "--country-code", "DE", env=env)  # for who looks it up
        imports = [on_server.start("import", stdin=-1, env=env) for _ in range(2)]
        runs = [on_server.start(*command.split(), env=env) for command in COMMANDS * 2]
        ended = [on_server.end(run, rows) for run in imports] + list(map(on_server.end, runs))
        on_server.ok("lock", "release", "--force", env=env)
        on_server.ok("flush", env=env)
        with both_sessions(url) as sessions:
            states = [session.rows(STATE) for session in sessions]
            processes = {session.rows("SELECT pg_backend_pid()")[0] for session in sessions}

    assert len(ended) == 32
    assert {one.code for one in ended if one.code != 75} == {0}, ended
    assert len(processes) == 2
    assert states == [before, before]
    assert on_server.rows("SELECT count(*) FROM bangui.geo_cache") == [(200,)]


@contextmanager
def both_sessions(url: str) -> Iterator[list[Connection]]:
    """Hold both sessions that a pooler has, by a transaction in each."""
    sessions = [connect(url) for _ in range(2)]
    for session in sessions:
        session.raw.autocommit = False
        session.rows("SELECT 1")
    yield sessions
    for session in sessions:
        session.raw.close()


@pytest.fixture
def standby(on_server: OnServer):
    on_server.ok("heartbeat")
    on_server.ok("add", "192.0.2.1", "--country-code", "DE")
    on_server.ok("flush")
    with open_standby(on_server.server) as running:
        yield running


def test_a_standby_answers_what_only_reads_and_takes_over_when_it_is_promoted(
    on_server: OnServer, standby
):
    """Under the same lease: the lock goes on, the data are there."""
    env = {"BANGUI_DATABASE_PATH": standby.url(on_server.name)}
    lease_id = on_server.rows("SELECT lease_id FROM bangui.scheduler_lock")[0][0]

    for command in (
        "lookup 192.0.2.1",
        "report",
        "status",
        "lock show",
        "doctor",
        "export",
        "report --history --by ip",
        "init",
        "flush --dry-run",
    ):
        on_server.ok(*command.split(), env=env)
    for command in ("heartbeat", "flush", "add 192.0.2.2", "init --grant-reader postgres", "prune"):
        ended = on_server.run(*command.split(), env=env)
        assert ended.code == 77, (command, ended)
        assert "read-only" in final_event(ended)["error"]

    both = (
        f"postgresql://postgres@/{on_server.name}?host={standby.place},{on_server.server.place}"
        f"&port={standby.port},{on_server.server.port}&target_session_attrs=read-write"
    )
    on_server.ok("heartbeat", env={"BANGUI_DATABASE_PATH": both})

    standby.run("pg_ctl", "-D", standby.data, "-w", "promote")
    assert on_server.run("heartbeat", "--instance", "web2", env=env).code == 75
    beaten = on_server.ok("heartbeat", "--json", env=env).json["lock"]
    assert (beaten["outcome"], beaten["lease_id"]) == ("refreshed", lease_id)


def test_an_unmade_schema_on_a_standby_is_read_only(empty_on_server: OnServer):
    """Only the primary can make it: no right that anybody grants would help."""
    with open_standby(empty_on_server.server) as standby:
        ended = empty_on_server.run("init", "-d", standby.url(empty_on_server.name))

    assert ended.code == 77
    assert "give the primary" in final_event(ended)["hint"]


def test_doctor_tells_how_far_a_standby_is_behind(on_server: OnServer, standby):
    """One that receives nothing any more has replayed all that it received, and is behind all the same."""
    env = {"BANGUI_DATABASE_PATH": standby.url(on_server.name)}

    def replication() -> str:
        checks = on_server.run("doctor", "--json", env=env).json["checks"]
        return next(check["detail"] for check in checks if check["name"] == "replication")

    on_server.ok("heartbeat")
    wait_until(lambda: "up to date" in replication())
    session = connect(standby.url("postgres"))
    session.execute("ALTER SYSTEM SET primary_conninfo = ''")
    session.execute("SELECT pg_reload_conf()")
    session.raw.close()
    wait_until(lambda: " s behind" in replication())
