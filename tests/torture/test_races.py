"""Somebody races every file that root touches: nothing outside of that user's reach comes to harm."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import everything
import journals
import others
import pytest
from conftest import Bangui
from fail2bans import Fail2banDatabase
from invariants import CODES, Ledger, check_database
from others import NOBODY, give, needs_root
from workload import as_lines, make_entries, stage

pytestmark = [pytest.mark.torture, needs_root]

SECONDS = 60
ATTACKERS_OF_EACH = 1
RUNNERS = 2
*STAGED, IMPORTED = make_entries(201)
SIDECARS = ("journal", "wal", "shm")
OUTPUTS = ["bangui.prom", "rejected.txt", "page.html", "bans.csv", "export.jsonl"]
# Of fail2ban's bans a file of another user's; what a child hands over is of no harm in the history.
READING_BANS = ("report --fail2ban={bans} --output {page}", "collect --no-resolve --fail2ban={bans}")
WRITING = (
    "status --format prometheus --output {prom}",
    "report --history --format html --output {page}",
    "report --history --format csv --output {csv}",
    "export --output {jsonl}",
    "export history --output {jsonl}",
    "schedule install --force --root {root}",
    "schedule install --force --root {root} --format systemd",
    "schedule remove --root {root}",
    "schedule remove --root {root} --format systemd",
)
# The longest wait for SQLite's lock, and what a busy machine adds.
PATIENCE_S = 60


class Host(NamedTuple):
    """A place with files of root's that nobody else may change, and others that somebody may."""

    place: Path

    @property
    def readable(self) -> Path:
        return self.place / "etc" / "motd"

    @property
    def secret(self) -> Path:
        return self.place / "etc" / "private" / "shadow"

    def set_up(self, database: Path) -> None:
        self.secret.parent.mkdir(parents=True)
        self.readable.write_text("welcome\n")
        self.secret.write_text("secret\n")
        self.secret.parent.chmod(0o700)
        self.secret.chmod(0o600)
        for name, mode in (
            ("app", 0o755),
            ("out", 0o755),
            ("way", 0o755),
            ("sticky", 0o1777),
            ("own", 0o700),
            ("ban", 0o755),
            ("root", 0o755),
        ):
            directory = self.place / name
            directory.mkdir()
            directory.chmod(mode)
            if name in ("app", "sticky", "own"):
                shutil.copy(database, directory / "bangui.db")
                (directory / "bangui.db").chmod(0o600)
            if name in ("app", "out", "way", "ban", "root"):
                give(directory)
        give(self.place / "app" / "bangui.db")
        for name in ("bans.db", "spare.db"):
            Fail2banDatabase(self.place / "ban" / name).ban("192.0.2.9", 1_790_000_000)
            give(self.place / "ban" / name, 0o600)

    def picture(self) -> list[tuple[object, ...]]:
        """Return all that is to stay as it is: names, owners, modes, contents."""
        found: list[tuple[object, ...]] = []
        for path in sorted((self.place / "etc", *(self.place / "etc").rglob("*"))):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found.append((path, status.st_mode, status.st_uid, status.st_gid, content))
        return found


def attack(host: Host, directory: Path, names: list[str], seed: int) -> None:
    """Put whatever may be put at some names, over and over."""
    os.nice(5)  # root is to run, too
    chance = random.Random(seed)
    database = directory / ("bans.db" if directory.name == "ban" else "bangui.db")
    acts: list[Callable[[Path], object]] = [
        lambda path: path.symlink_to(host.secret),
        lambda path: path.symlink_to(host.readable),
        lambda path: path.symlink_to(host.secret.parent),
        lambda path: os.link(host.readable, path),
        os.mkfifo,
        os.mkdir,
        lambda path: path.touch(0o666),
        lambda path: path.write_bytes(journals.naming(database, host.secret)),
        lambda path: path.write_bytes(journals.naming(database, host.readable)),
        lambda path: path.write_bytes(journals.bare(database, 1)),
        lambda path: os.truncate(path, chance.choice((0, 100, 4096))),
        lambda path: path.chmod(chance.choice((0o600, 0o644, 0o666, 0o777))),
        os.unlink,
        os.unlink,
        os.unlink,
        os.rmdir,
        lambda path: path.rename(directory / chance.choice(names)),
    ]
    while True:
        path = directory / chance.choice(names)
        if chance.random() < 0.2:  # a draft that root is just writing
            path = next((each for each in directory.iterdir() if each.name.startswith(".bangui-")), path)
        with contextlib.suppress(OSError, ValueError):
            chance.choice(acts)(path)


@contextlib.contextmanager
def attackers(host: Host) -> Iterator[None]:
    """Let another user race, in several processes."""
    sidecars = [f"bangui.db-{suffix}" for suffix in SIDECARS]
    targets = {
        "app": [*sidecars, "bangui.db", "spare.db"],
        "sticky": [*sidecars, "bangui.db", "new.db", "mine"],
        "out": OUTPUTS,
        "way": ["in", "out"],
        "ban": [*(f"bans.db-{suffix}" for suffix in SIDECARS), "bans.db", "spare.db"],
        "root": ["etc"],
    }
    children = [
        others.start_as(NOBODY, lambda name=name, n=n: attack(host, host.place / name, targets[name], n))
        for name in targets
        for n in range(ATTACKERS_OF_EACH)
    ]
    try:
        yield
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


class Runs:
    """Root's runs, one after the other, and how they ended."""

    def __init__(self, host: Host, seed: int) -> None:
        self.codes: dict[int, int] = {}
        self._host = host
        self._chance = random.Random(seed)

    def go_on(self, seconds: float) -> None:
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            arguments, options = self._next()
            bangui = Bangui(self._host.place / "own")
            bangui.environment["PYTHONDONTWRITEBYTECODE"] = "1"
            process = bangui.start(*arguments, stdin=subprocess.PIPE)
            try:
                stdout, stderr = process.communicate(options, timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                pytest.fail(f"it hangs: {arguments}")
            assert process.returncode in CODES, (arguments, stdout, stderr)
            assert process.returncode != 1 or arguments[0] == "lookup", (arguments, stderr)
            self.codes[process.returncode] = self.codes.get(process.returncode, 0) + 1

    def _next(self) -> tuple[list[object], str]:
        """Choose a command on one of the databases, or one with an output."""
        place, chance = self._host.place, self._chance
        row = as_lines([IMPORTED]) + "{}\n"
        directory = place / chance.choice(("app", "sticky", "way/in", "sticky/mine"))
        database = ["-d", directory / chance.choice(("bangui.db", "bangui.db", "new.db"))]
        names = [name for name in everything.COMMANDS if not name.startswith("resolve")]
        out = place / chance.choice(("out", "way/out"))
        named = dict(
            zip(
                ("prom", "rejects", "page", "csv", "jsonl"),
                (out / name for name in OUTPUTS),
                strict=True,
            )
        )
        named |= {"bans": place / "ban" / "bans.db", "root": place / "root"}
        words = chance.choice((*WRITING, *READING_BANS)).split()
        return chance.choice(
            [
                (everything.COMMANDS[chance.choice(names)] + database, row),
                ([word.format(**named) for word in words], ""),
                ([word.format(**named) for word in words], ""),
                (["status", "--format", "prometheus", "--output", named["prom"], *database], ""),
                (["import", "--rejects", named["rejects"]], row),
                (["import", "--rejects", named["rejects"], *database], row),
            ]
        )


def test_whoever_races_root_gets_no_file_of_anothers(bangui):
    """Beside a database of his own, in a directory such as /tmp, on the way to an output and at its name."""
    with others.open_place() as place:
        host = Host(place)
        stage(bangui.database, STAGED)
        host.set_up(bangui.database)
        before, sticky = host.picture(), (place / "sticky" / "bangui.db").read_bytes()
        runs = [Runs(host, seed) for seed in range(RUNNERS)]

        with attackers(host), ThreadPoolExecutor(RUNNERS) as pool:
            for done in [pool.submit(each.go_on, SECONDS) for each in runs]:
                done.result()
        codes = {code for each in runs for code in each.codes}

        assert host.picture() == before
        assert (place / "sticky" / "bangui.db").read_bytes() == sticky
        check_database(place / "own" / "bangui.db", Ledger(STAGED), in_flight=[IMPORTED])
        print({code: sum(each.codes.get(code, 0) for each in runs) for code in sorted(codes)})
