"""Least rights on a server: what each kind of role may do, and is told where it may not."""

import time

import geoip
import pytest
from fail2bans import Fail2banDatabase
from failures import final_event
from servers import OnServer

READ = [
    "lookup 192.0.2.1",
    "report",
    "bans",
    "export",
    "export history",
    "report --history",
    "report --history --format html",
    "report --history --format prometheus",
    "status",
    "status --format prometheus",
    "lock show",
    "doctor",
    "flush --dry-run",
]
STAGE = [
    "add 192.0.2.7",
    "import",
    "import --history",
    "resolve 192.0.2.2",
    "resolve --cached",
    "collect",
]
WRITE = ["heartbeat", "flush", "prune", "forget 192.0.2.99", "lock release"]
INPUTS = {
    "import": '{"ip": "192.0.2.8", "country_code": "DE"}',
    "import --history": '{"instance": "web1", "jail": "sshd", "ip": "192.0.2.1", "banned_at": "2026-01-01"}',
}
KINDS = {"reader": READ, "stager": READ + STAGE, "writer": READ + STAGE + WRITE}


@pytest.fixture
def prepared(on_server: OnServer) -> OnServer:
    """Give bangui fail2ban's database and an MMDB file, and something in its own."""
    fail2ban = Fail2banDatabase(on_server.home / "fail2ban.sqlite3")
    mmdb = geoip.write_mmdb(on_server.home / "c.mmdb", {"192.0.2.0/24": geoip.country("DE", "Germany")})
    on_server.environment |= {
        "BANGUI_FAIL2BAN_DB": str(fail2ban.path),
        "BANGUI_GEOIP_DB_PATH": str(mmdb),
    }
    on_server.ok("add", "192.0.2.1", "--country-code", "DE")
    on_server.ok("flush")
    return on_server


@pytest.mark.parametrize("kind", KINDS)
def test_a_role_may_do_what_its_kind_is_for_and_no_more(prepared: OnServer, kind: str):
    """What was not granted is 77, with a word who can grant it."""
    role = f"a {kind}'s \"%role"
    quoted = role.replace('"', '""')
    prepared.execute(f'DO $$BEGIN CREATE ROLE "{quoted}" LOGIN; EXCEPTION WHEN OTHERS THEN END$$')
    prepared.ok("init", f"--grant-{kind}", role)
    user = role.replace("%", "%25").replace('"', "%22").replace(" ", "%20")
    env = {"BANGUI_DATABASE_PATH": prepared.url.replace("postgres@", f"{user}@")}

    for command in [*READ, *STAGE, *WRITE]:
        ended = prepared.run(*command.split(), input=INPUTS.get(command), env=env)
        if command in KINDS[kind]:
            assert ended.code == 0, (command, ended)
        else:
            assert ended.code == 77, (command, ended)
            assert "--grant-" in final_event(ended)["hint"]


def test_a_role_that_does_not_exist_changes_nothing(empty_on_server: OnServer):
    """Neither the rights of the others nor the schema."""
    empty_on_server.execute("DROP ROLE IF EXISTS there")
    empty_on_server.execute("CREATE ROLE there LOGIN")
    ended = empty_on_server.run("init", "--grant-reader", "there", "--grant-writer", "nowhere")

    assert ended.code == 78
    assert "nowhere" in final_event(ended)["error"]
    assert empty_on_server.rows("SELECT to_regnamespace('bangui') IS NULL") == [(True,)]


def test_a_file_has_no_roles(bare):
    """It has an owner."""
    ended = bare.run("init", "--grant-reader", "web")

    assert ended.code == 2
    assert not bare.database.exists()


# What a role may write, and a command that cannot do without.
NEEDED = {
    ("geo_cache_dirty", "INSERT"): "add 192.0.2.7",
    ("geo_cache_dirty", "UPDATE"): "add 192.0.2.7",
    ("ban_history", "INSERT"): "collect",
    ("ban_history", "UPDATE"): "collect",
    ("collect_state", "INSERT"): "collect",
    ("collect_state", "UPDATE"): "collect",
    ("job_state", "INSERT"): "collect",
    ("job_state", "UPDATE"): "collect",
    ("scheduler_lock", "INSERT"): "heartbeat",
    ("scheduler_lock", "UPDATE"): "heartbeat",
    ("geo_cache", "INSERT"): "flush",
    ("geo_cache", "UPDATE"): "flush",
    ("geo_cache", "DELETE"): "prune",
    ("geo_cache_dirty", "DELETE"): "flush",
    ("ban_history", "DELETE"): "prune",
    ("collect_state", "DELETE"): "forget 192.0.2.99",
    ("instance_machines", "INSERT"): "heartbeat",
    ("instance_machines", "UPDATE"): "heartbeat",
}


@pytest.mark.torture
def test_each_right_is_needed(prepared: OnServer):
    """What is granted without a use is a hole, no more."""
    prepared.execute("DO $$BEGIN CREATE ROLE trimmed LOGIN; EXCEPTION WHEN OTHERS THEN END$$")
    prepared.ok("init", "--grant-writer", "trimmed")
    env = {"BANGUI_DATABASE_PATH": prepared.url.replace("postgres@", "trimmed@")}
    fail2ban = Fail2banDatabase(prepared.home / "fail2ban.sqlite3")
    granted = prepared.rows(
        "SELECT table_name, privilege_type FROM information_schema.table_privileges"
        " WHERE grantee = 'trimmed' AND privilege_type <> 'SELECT'"
    )
    assert set(granted) == set(NEEDED)

    for number, ((table, right), command) in enumerate(NEEDED.items()):
        fail2ban.ban(f"198.51.100.{number}", int(time.time()) - 900 + number)
        if right == "INSERT":  # a row that is not there yet
            prepared.execute("DELETE FROM bangui.scheduler_lock; DELETE FROM bangui.collect_state")
        prepared.ok("add", f"203.0.113.{number}")
        prepared.execute(f"REVOKE {right} ON bangui.{table} FROM trimmed")
        assert prepared.run(*command.split(), env=env).code == 77, (table, right, command)
        prepared.execute(f"GRANT {right} ON bangui.{table} TO trimmed")
        prepared.ok(*command.split(), env=env)
