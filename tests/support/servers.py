"""A PostgreSQL cluster of the tests' own: in a temporary directory, on a socket of its own."""

import glob
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from conftest import Bangui, wait_until
from others import NOBODY, give
from psycopg2.extensions import make_dsn

_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = '{place}'
port = {port}
max_connections = {connections}
fsync = off
log_min_messages = fatal
"""

_MEMORY, _ROOMY_BYTES = "/dev/shm", 4 << 30


def find_program(name: str) -> str | None:
    """Return the path of a program of PostgreSQL, which Debian keeps beside the PATH."""
    return shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)


class Server:
    """One running cluster; its superuser is `postgres`, whom it trusts on the socket."""

    def __init__(
        self, place: Path, connections: int = 100, environment: Mapping[str, str] | None = None
    ) -> None:
        self.place = place
        self.environment = environment
        self.data = place / "data"
        self.port = _free_port()
        self._connections = connections
        self._made = 0
        self.run("initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                 "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync")  # fmt: skip
        self.configure(_SETTINGS.format(place=place, port=self.port, connections=connections))
        self.start()

    def run(self, program: str, *arguments: object) -> str:
        """Run a program of PostgreSQL, which refuses to be root's."""
        path = find_program(program)
        assert path, program
        under = [] if os.geteuid() else ["setpriv", f"--reuid={NOBODY}", "--clear-groups"]
        variables = [f"{name}={value}" for name, value in (self.environment or {}).items()]
        ended = subprocess.run(
            [*under, "env", *variables, path, *map(str, arguments)],
            cwd=self.place, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert ended.returncode == 0, ended
        return ended.stdout

    def configure(self, lines: str) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(lines)

    def start(self) -> None:
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.place / "log", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it if it runs; "immediate" is its crash: what is not in its log by then is lost."""
        if (self.data / "postmaster.pid").exists():
            self.run("pg_ctl", "-D", self.data, "-m", mode, "stop")

    def promote(self) -> None:
        """Make a primary of a standby."""
        self.run("pg_ctl", "-D", self.data, "-w", "promote")

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.place}&port={self.port}"

    def make_database(self) -> str:
        """Make an empty database; return its URL."""
        self._made += 1
        name = f"made_{self._made}"
        self.execute(f"CREATE DATABASE {name} {self._copied}")
        return self.url(name)

    @cached_property
    def _copied(self) -> str:
        """Let a new database be copied as files, where it can be said how: that needs a third of the CPU."""
        version = connect(self.url()).rows("SHOW server_version_num")[0][0]
        return "STRATEGY file_copy" if int(version) >= 150000 else ""

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        connect(self.url()).execute(statement)

    def configure_as(self, place: Path) -> "Server":
        """Return the server whose data was copied to a place, on a socket there."""
        copied = object.__new__(Server)
        copied.place, copied.data, copied.port = place, place / "data", _free_port()
        copied.environment = self.environment
        copied.configure(f"port = {copied.port}\nunix_socket_directories = '{place}'\n")
        copied.start()
        return copied


# What bangui remembers; who has written it is in it, too.
_TABLES = ("geo_cache", "geo_cache_dirty", "scheduler_lock", "job_state", "ban_history", "collect_state")
_RUNS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'bangui'"


class Connection:
    """What another program asks a server, each statement by itself."""

    def __init__(self, url: str) -> None:
        self.raw = psycopg2.connect(make_dsn(url, connect_timeout=10))
        self.raw.autocommit = True

    def rows(
        self, query: str, parameters: Mapping[str, object] | tuple[object, ...] | None = None
    ) -> Any:
        with self.raw.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall()

    def execute(self, statement: str, parameters: object = None) -> None:
        with self.raw.cursor() as cursor:
            cursor.execute(statement, parameters)


def connect(url: str) -> Connection:
    return Connection(url)


class OnServer(Bangui):
    """Runs `bangui` as real processes against one database of a server."""

    def __init__(self, home: Path, server: Server) -> None:
        super().__init__(home)
        self.server = server
        self.url = server.make_database()
        self.name = self.url.partition("@/")[2].partition("?")[0]
        self.environment["BANGUI_DATABASE_PATH"] = self.url
        self._connection: Connection | None = None

    def connect(self) -> Any:
        self._connection = self._connection or connect(self.url)
        return self._connection

    def rows(self, query: str, *parameters: object) -> list[Any]:
        return self.connect().rows(query, parameters or None)

    def execute(self, statement: str, *parameters: object, **named: object) -> None:
        self.connect().execute(statement, named or parameters or None)

    def forget_connection(self) -> None:
        """Ask over a new connection from now on."""
        self._connection = None

    def count_connected(self) -> int:
        """Count the connections of runs, also of those that have ended."""
        return int(self.rows(f"SELECT count(*) {_RUNS}")[0][0])

    def count_waiting(self) -> int:
        """Count the runs that wait for what another transaction holds."""
        return int(self.rows(f"SELECT count(*) {_RUNS} AND wait_event_type = 'Lock'")[0][0])

    def contents(self) -> list[list[Any]]:
        """Return all rows of all tables that bangui's jobs write."""
        return [sorted(self.rows(f"SELECT t::text FROM bangui.{table} AS t")) for table in _TABLES]


@contextmanager
def open_server(
    connections: int = 100, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a cluster of its own, in this environment; skip where there is no PostgreSQL to run."""
    if find_program("initdb") is None:
        pytest.skip("no PostgreSQL server is installed")
    with _own_place() as place:
        server = Server(place, connections, environment)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def open_standby(server: Server) -> Iterator[Server]:
    """Run a hot standby of a server, beside it."""
    with _own_place() as place:
        server.run("pg_basebackup", "-D", place / "data", "-R", "-h", server.place, "-p", server.port,
                   "-U", "postgres", "-c", "fast")  # fmt: skip
        standby = server.configure_as(place)
        try:
            yield standby
        finally:
            standby.stop()


@contextmanager
def open_pooler(server: Server, size: int, clients: int = 100) -> Iterator[tuple[Path, int]]:
    """Run pgbouncer in transaction mode before a server, for so many clients; give its place and port."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer is installed")
    with _own_place() as place:
        port, settings = _free_port(), place / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={server.place} port={server.port} user=postgres\n[pgbouncer]\n"
            f"unix_socket_dir = {place}\nlisten_port = {port}\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {size}\nmax_client_conn = {clients}\n"
        )
        under = [] if os.geteuid() else ["setpriv", f"--reuid={NOBODY}", "--clear-groups"]
        pooler = subprocess.Popen([*under, program, "-q", settings], cwd=place)
        try:
            wait_until((place / f".s.PGSQL.{port}").exists)
            yield place, port
        finally:
            pooler.terminate()
            pooler.wait(10)


@contextmanager
def _own_place() -> Iterator[Path]:
    """Give a directory, in memory where there is much: a database is 300 files, which a disk makes slow."""
    in_memory = os.path.isdir(_MEMORY) and shutil.disk_usage(_MEMORY).free > _ROOMY_BYTES
    place = Path(tempfile.mkdtemp(prefix="bangui-pg-", dir=_MEMORY if in_memory else None))
    try:
        if os.geteuid() == 0:
            give(place, 0o755)
        yield place
    finally:
        shutil.rmtree(place)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
