"""What stands before a server, or beside it: a pooler that shares sessions, a standby that only reads."""

import json

import pytest
from failures import final_event
from servers import OnServer, connect, open_pooler, open_standby

STATE = """
SELECT current_setting('statement_timeout'), current_setting('synchronous_commit'),
       current_setting('search_path'), (SELECT count(*) FROM pg_prepared_statements),
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
       (SELECT count(*) FROM pg_class WHERE relpersistence = 't')"""


def test_thirty_clients_share_two_connections_and_leave_nothing_behind(on_server: OnServer):
    """In transaction mode each message may meet another session."""
    before = on_server.rows(STATE)
    with open_pooler(on_server.server, 2) as (place, port):
        env = {
            "BANGUI_DATABASE_PATH": f"postgresql://postgres@/{on_server.name}?host={place}&port={port}"
        }
        rows = "\n".join(json.dumps({"ip": f"192.0.2.{n}", "country_code": "DE"}) for n in range(200))
        on_server.ok("init", env=env)
        runs = []
        for number in range(6):
            runs += [
                on_server.start("import", stdin=-1, env=env),
                *(
                    on_server.start(*command.split(), env=env)
                    for command in ("flush --wait 20", "heartbeat --timeout 30", "status", "lock show")
                ),
                on_server.start("heartbeat", "--timeout", 30, "--instance", f"web{number + 2}", env=env),
            ]
        ended = [
            on_server.end(run, rows if number % 6 == 0 else None) for number, run in enumerate(runs)
        ]
        on_server.ok("flush", env=env)
        sessions = [connect(env["BANGUI_DATABASE_PATH"]) for _ in range(2)]
        states = [session.rows(STATE) for session in sessions]
        for session in sessions:
            session.raw.close()

    assert {one.code for one in ended if one.code != 75} == {0}, ended
    assert states == [before, before]
    assert on_server.rows("SELECT count(*) FROM bangui.geo_cache") == [(200,)]


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
    """Only the primary can make it."""
    with open_standby(empty_on_server.server) as standby:
        ended = empty_on_server.run("init", "-d", standby.url(empty_on_server.name))

    assert ended.code == 77
    final_event(ended)
