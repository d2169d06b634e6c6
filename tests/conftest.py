"""Fixtures that every test may use: real database files, real processes."""

import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from forks import Fork, Template, open_template
from hypothesis import HealthCheck, settings
from others import open_place

from bangui_cli import store

# How fast examples come says how busy the machine is, not whether a rule holds.
settings.register_profile("bangui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bangui")

# Under nohup, or in the background of a shell, these are ignored, and so they would be in every child.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Give `-n auto` two workers for each core: half of a test's time is waiting for processes and disks."""
    return 2 * (os.cpu_count() or 1)


# Their tests start an interpreter for each command, as users do.
_ROOMS_OF_STARTS = {"cli", "host", "live", "torture"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--interpreters", action="store_true", help="start an interpreter for each command")


@pytest.fixture(scope="session", autouse=True)
def _template() -> Iterator[None]:
    """Read bangui once for all tests that may do with forks."""
    with open_template() as Bangui.template:
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    starts = (
        item.config.getoption("interpreters", default=False) or item.path.parent.name in _ROOMS_OF_STARTS
    )
    Bangui.forks = not starts


@pytest.fixture
def interpreters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start an interpreter for each command of a test."""
    monkeypatch.setattr(Bangui, "forks", False)


def wait_until(condition: Callable[[], object], within_s: float = 120) -> None:
    """Wait until something has come about in another process or thread."""
    ends_at_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at_s, "it did not come about in time"
        time.sleep(0.002)


class Ended(NamedTuple):
    """A process that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every line of stderr, each of which must be one JSON event."""
        return [json.loads(line) for line in self.stderr.splitlines()]

    @property
    def event_names(self) -> list[str]:
        return [event["event"] for event in self.events]


class Bangui:
    """Runs `bangui` as real processes against one database, in an environment as bare as cron's."""

    template: ClassVar[Template | None] = None
    forks = False  # rather than start an interpreter

    def __init__(self, home: Path) -> None:
        self.home = home
        self.database = home / "bangui.db"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "BANGUI_DATABASE_PATH": str(self.database),
            "BANGUI_INSTANCE": "web1",
            "BANGUI_LOG_FORMAT": "json",
            # Wherever a test runs it, it is the bangui of this tree.
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "bangui_cli", *map(str, arguments)]

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        """Start a process; `env` adds to the environment, `under` is a command to run it with.

        `program` takes the place of bangui itself.
        """
        environment = {**self.environment, **options.pop("env", {})}
        options = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        } | options
        words = [*map(str, arguments)]
        if self.forks and self.template and self.template.suits(environment, options):
            return Fork(self.template, words, env=environment, **options)
        program = options.pop("program", self.command())
        command = [*options.pop("under", ()), *program, *words]
        return subprocess.Popen(command, env=environment, text=True, **options)

    def run(self, *arguments: object, input: str | None = None, **options: Any) -> Ended:
        """Run to the end and return what came out."""
        if input is not None:
            options["stdin"] = subprocess.PIPE
        return self.end(self.start(*arguments, **options), input)

    def end(self, process: subprocess.Popen[str], input: str | None = None) -> Ended:
        """Wait for a process that was started and return what came out."""
        with process:
            try:
                stdout, stderr = process.communicate(input, timeout=180)
            except BaseException:
                process.kill()
                raise
        return Ended(process.returncode, stdout or "", stderr or "")

    def ok(self, *arguments: object, **options: Any) -> Ended:
        """Run what must succeed."""
        ended = self.run(*arguments, **options)
        assert ended.code == 0, ended
        return ended

    def on_terminal(self, *arguments: object, **options: Any) -> tuple[int, str]:
        """Run with stdout and stderr on a real terminal; return the exit code and what was shown."""
        master, slave = pty.openpty()
        environment = {"TERM": "xterm", "COLUMNS": "100", "BANGUI_LOG_FORMAT": "auto"}
        options = {"stdout": slave, "stderr": slave, **options}
        options["env"] = {**environment, **options.get("env", {})}
        process = self.start(*arguments, **options)
        os.close(slave)
        shown = b""
        try:
            while chunk := os.read(master, 65536):
                shown += chunk
        except OSError:  # the terminal has no writer left
            pass
        os.close(master)
        return process.wait(60), shown.decode().replace("\r\n", "\n")

    def wait_until_opened(self, process: subprocess.Popen[str]) -> None:
        """Wait until a process has opened the database."""
        wait_until(lambda: str(self.database) in open_files(process.pid))

    def connect(self) -> sqlite3.Connection:
        """Open the database as another program would."""
        return sqlite3.connect(self.database, isolation_level=None, timeout=5)

    def rows(self, query: str, *parameters: object) -> list[Any]:
        connection = self.connect()
        try:
            return connection.execute(query, parameters).fetchall()
        finally:
            connection.close()

    def execute(self, statement: str, *parameters: object, **named: object) -> None:
        connection = self.connect()
        try:
            connection.execute(statement, named or parameters)
        finally:
            connection.close()


def open_files(pid: int) -> list[str]:
    """Return what the descriptors of a process lead to."""
    try:
        return [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:  # one was closed in between
        return []


@pytest.fixture
def bare(tmp_path: Path) -> Bangui:
    """Run bangui before `init`."""
    return Bangui(tmp_path)


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one initialised, empty database, for each test to copy."""
    bangui = Bangui(tmp_path_factory.mktemp("initialised"))
    bangui.ok("init")
    return bangui.database


@pytest.fixture
def bangui(bare: Bangui, initialised: Path) -> Bangui:
    """Run bangui with an initialised, empty database."""
    shutil.copy(initialised, bare.database)
    return bare


@pytest.fixture(scope="session")
def server():
    """Run one PostgreSQL cluster for all tests of a process; skip where there is none to run."""
    from servers import open_server

    with open_server() as running:
        yield running


@pytest.fixture
def empty_on_server(tmp_path: Path, server):
    """Run bangui before `init`, with a database of a server."""
    from servers import OnServer

    bangui = OnServer(tmp_path, server)
    yield bangui
    server.drop_database(bangui.name)


@pytest.fixture
def on_server(empty_on_server):
    """Run bangui with an initialised, empty database of a server."""
    store.initialise(empty_on_server.url, journal_mode=None, force=False)
    return empty_on_server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def either_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make one initialised database of each engine for all examples of a module."""
    if request.param == "postgresql":
        database = request.getfixturevalue("server").make_database()
    else:
        database = str(tmp_path_factory.mktemp("either") / "bangui.db")
    store.initialise(database, journal_mode=None, force=False)
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def on_either(request: pytest.FixtureRequest):
    """Run bangui with an initialised, empty database of either engine."""
    return request.getfixturevalue("bangui" if request.param == "sqlite" else "on_server")


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a directory of root's that every user can reach."""
    with open_place() as directory:
        yield directory
