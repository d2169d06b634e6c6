"""What libpq finds in its surroundings is found before it, so that it has nothing to say on stderr."""

import os
import pwd

import pytest
from failures import final_event
from servers import OnServer

from bangui_cli.store.postgresql import address, surroundings

VARIABLES = (
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
)
SERVICES = """
# of others
[other]
host=other.example.net

[bangui]
host=db.example.net
# port=1
port=5433
user=bangui
passfile=/etc/bangui/pgpass
"""


@pytest.fixture
def bare_home(monkeypatch: pytest.MonkeyPatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_address_comes_before_the_service_and_that_before_a_variable(bare_home, monkeypatch):
    """As with libpq."""
    (bare_home / ".pg_service.conf").write_text(SERVICES)
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    own = {"host": "own.example.net", "service": "bangui"}

    assert surroundings.complete({"dbname": "d"}) == {"dbname": "d", "port": "1", "passfile": "/nowhere"}
    assert surroundings.complete(own) == own | {"port": "5433", "passfile": "/etc/bangui/pgpass"}


@pytest.mark.parametrize("variable", ["PGSERVICEFILE", "PGSYSCONFDIR"])
def test_a_service_file_is_where_libpq_looks(bare_home, monkeypatch, variable: str):
    """The user's own first, then the system's."""
    file = bare_home / "pg_service.conf"
    file.write_text(SERVICES)
    monkeypatch.setenv(variable, str(file if variable == "PGSERVICEFILE" else bare_home))
    monkeypatch.setenv("PGSERVICE", "bangui")

    assert surroundings.complete({})["host"] == "db.example.net"


def test_the_service_file_of_an_address_comes_before_that_of_the_variable(bare_home, monkeypatch):
    """Addresses have that option since libpq 18."""
    file = bare_home / "services"
    file.write_text(SERVICES)
    monkeypatch.setenv("PGSERVICEFILE", str(bare_home / "none"))
    own = {"service": "bangui", "servicefile": str(file)}

    assert surroundings.complete(own)["host"] == "db.example.net"


def test_no_home_is_named_by_an_empty_variable(bare_home, monkeypatch):
    """The system is asked then, as libpq asks it, for the service file and the pass file."""
    monkeypatch.setenv("HOME", "")
    home = pwd.getpwuid(os.geteuid()).pw_dir

    assert surroundings.service_files({}, os.environ)[0] == f"{home}/.pg_service.conf"
    assert surroundings.pass_file_of({}) == f"{home}/.pgpass"


def test_several_hosts_of_a_service_have_their_turns_in_time(bare_home):
    """As several hosts of an address: what the kernel waits for one is bounded."""
    (bare_home / ".pg_service.conf").write_text("[pair]\nhost=a,b\n")

    assert "tcp_user_timeout=2500" in address.parse("postgresql://?service=pair").conninfo
    assert "tcp_user_timeout=10000" in address.parse("postgresql://a").conninfo


def _over_tcp(bangui: OnServer) -> str:
    bangui.execute("ALTER ROLE postgres PASSWORD 'geheim'")
    return f"postgresql://postgres@127.0.0.1:{bangui.server.port}/{bangui.name}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
@pytest.mark.parametrize("command", ["heartbeat --timeout 30", "status"])
def test_a_pass_file_that_others_may_read_is_told_in_an_event(
    on_server: OnServer, mode: int, command: str
):
    """With the file and its mode; libpq's own words would stand between the lines of the log."""
    pass_file = on_server.home / "pgpass"
    pass_file.write_text("*:*:*:*:geheim\n")
    env = {"BANGUI_DATABASE_PATH": _over_tcp(on_server), "PGPASSFILE": str(pass_file)}
    pass_file.chmod(0o600)
    on_server.ok(*command.split(), env=env)
    pass_file.chmod(mode)
    ended = on_server.run(*command.split(), env=env)

    assert ended.code == 77
    event = final_event(ended)
    assert f"mode {mode:04o}" in event["error"]
    assert f"chmod 600 {pass_file}" in event["hint"]


def test_a_directory_in_the_place_of_a_pass_file_is_told_in_an_event(on_server: OnServer):
    """Whoever made it: libpq warns of that, too."""
    env = {"BANGUI_DATABASE_PATH": _over_tcp(on_server), "PGPASSFILE": str(on_server.home)}
    ended = on_server.run("heartbeat", env=env)

    assert ended.code == 77
    assert "no plain file" in final_event(ended)["error"]


def test_a_pass_file_that_nobody_asks_for_is_no_matter(on_server: OnServer):
    """The server trusts who comes by its socket; nothing is said, and nothing fails."""
    pass_file = on_server.home / ".pgpass"
    pass_file.write_text("*:*:*:*:geheim\n")
    pass_file.chmod(0o644)
    ended = on_server.ok("heartbeat")

    assert (ended.stdout, ended.stderr) == ("", "")
