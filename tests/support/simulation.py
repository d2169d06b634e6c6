"""A machine of its own in this process: its clocks are moved by hand, its runs die where they are told.

The runs are the real ones, command line, SQLite file and all; only the clocks, the two streams and the
end of the process are ours.
"""

import contextlib
import gc
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bangui_cli.cli import boundary
from bangui_cli.host import clocks, terminal
from bangui_cli.rules.lease import Instant
from bangui_cli.settings.invocation import Invocation

START_WALL_S = 1_700_000_000.0
# Thousands of runs are mostly syncs: where there is a disk in memory they take a fifth of the time.
_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


class Killed(BaseException):
    """Stands for `kill -9`: nothing in the program may catch it."""


class Outcome(NamedTuple):
    """What a run left: its exit code, None where it was killed, and what it said."""

    code: int | None
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


class Machine:
    """One machine with one database, which is gone with it; what it replaces it puts back."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="bangui-machine-", dir=_MEMORY))
        self.database = self.home / "bangui.db"
        self.wall_s = START_WALL_S
        self.boottime_s = 100_000.0
        self.monotonic_s = 90_000.0
        self.boots = 0
        self.in_container = False
        self.statements = 0
        self._on_statement: Callable[[int], None] | None = None
        self._said: dict[int, list[bytes]] = {}
        self._files: dict[Path, bytes] = {}
        self._patches = pytest.MonkeyPatch()

    def __enter__(self) -> "Machine":
        patch = self._patches.setattr
        patch(clocks, "wall_s", lambda: self.wall_s)
        patch(clocks, "monotonic_s", lambda: self.monotonic_s)
        patch(clocks, "process_started_s", lambda: self.monotonic_s)
        patch(clocks, "sleep_s", self.pass_time)
        patch(clocks, "now", self.now)
        patch(terminal, "write_line", self._hear)
        patch(terminal, "write_all", lambda descriptor, text: self._said[descriptor].append(text))
        # What a run keeps from the search for garbage is gone with its process; here it would pile up.
        patch(gc, "freeze", lambda: None)
        patch(sqlite3, "connect", _connecting_for(self, sqlite3.connect))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.undo()
        shutil.rmtree(self.home)

    # Time.

    def now(self) -> Instant:
        """Return what the clocks of the lock show, whose boot ID is another one in a container."""
        boot_id = f"boot-{self.boots}" + "-in-container" * self.in_container
        return Instant(self.wall_s, self.boottime_s, boot_id)

    def pass_time(self, seconds: float) -> None:
        """Let every clock go on."""
        self.monotonic_s += seconds
        self.suspend(seconds)

    def suspend(self, seconds: float) -> None:
        """Let time pass that no deadline counts: the machine, or one process, is stopped."""
        self.boottime_s += seconds
        self.wall_s += seconds

    def set_wall(self, wall_s: float) -> None:
        """Step the wall clock."""
        self.wall_s = max(wall_s, 1.0)

    def reboot(self, uptime_s: float) -> None:
        """Start anew, so long ago."""
        self.boots += 1
        self.boottime_s = self.monotonic_s = uptime_s

    # Runs.

    def run(
        self, *arguments: object, instance: str = "web1", in_container: bool = False, **settings: object
    ) -> Outcome:
        """Run a command; `settings` are more of them, by the names of their variables in lower case."""
        said: dict[int, list[bytes]] = {terminal.STDOUT: [], terminal.STDERR: []}
        outer, self._said, self.statements = self._said, said, 0
        outside, self.in_container = self.in_container, in_container
        try:
            code: int | None = boundary.execute(
                [*map(str, arguments)], self._invocation(instance, settings)
            )
        except Killed:
            code = None
        finally:
            self._on_statement, self._said, self.in_container = None, outer, outside
        if code is None:
            self._restore_files()
        stdout, stderr = (
            b"".join(said[stream]).decode() for stream in (terminal.STDOUT, terminal.STDERR)
        )
        return Outcome(code, stdout, stderr)

    def _invocation(self, instance: str, settings: dict[str, object]) -> Invocation:
        own = {"database_path": self.database, "instance": instance, "log_format": "json", **settings}
        return Invocation({f"BANGUI_{key.upper()}": str(value) for key, value in own.items()})

    def kill_at(self, statement: int) -> None:
        """Let the next run die as if by `kill -9` before its n-th statement."""
        self.interrupt_at(statement, self._kill)

    def interrupt_at(self, statement: int, action: Callable[[], None]) -> None:
        """Do something else before the n-th statement of the next run."""
        self.on_statement(lambda number: action() if number == statement else None)

    def on_statement(self, act: Callable[[int], None]) -> None:
        """Do something before each statement of the next run, which are counted from 1."""
        self._on_statement = act

    def before_statement(self) -> None:
        """Count a statement of the run; do what was wanted before it."""
        self.statements += 1
        act, self._on_statement = self._on_statement, None
        if act:
            number = self.statements
            act(number)
            self._on_statement, self.statements = act, number

    def _kill(self) -> None:
        """Keep the files as they are: what the dying run still does to them never happens."""
        self._files = {path: path.read_bytes() for path in self.files()}
        raise Killed

    def _restore_files(self) -> None:
        for path in self.files():
            path.unlink()
        for path, content in self._files.items():
            # SQLite builds the shared memory of a WAL anew when nobody has it open.
            if not path.name.endswith("-shm"):
                path.write_bytes(content)

    def files(self) -> list[Path]:
        """Return the database and what SQLite keeps beside it."""
        return sorted(self.home.glob(f"{self.database.name}*"))

    def _hear(self, descriptor: int, line: bytes, stall_s: float) -> bool:
        self._said[descriptor].append(line)
        return True

    # The database, as another program sees it.

    @contextlib.contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open the database for one transaction of another program."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=0)) as connection, connection:
            yield connection

    def rows(self, query: str, *parameters: object) -> list[Any]:
        """Return the rows of a query."""
        with self.open() as connection:
            return connection.execute(query, parameters).fetchall()


def _connecting_for(machine: Machine, connect: Callable[..., sqlite3.Connection]) -> Any:
    class Connection(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            machine.before_statement()
            return super().execute(*arguments)

        def executemany(self, *arguments: Any) -> sqlite3.Cursor:
            machine.before_statement()
            return super().executemany(*arguments)

    return lambda *arguments, **options: connect(*arguments, **{"factory": Connection, **options})
