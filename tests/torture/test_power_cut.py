"""After a power cut, at any moment, the database is sound and knows all that was acknowledged."""

import itertools
import random
import shutil

import pytest
from disk import CALLS, Disk
from invariants import Ledger, check_database, check_integrity, read_entries
from workload import add_command, as_lines, make_entries, needs_strace

pytestmark = needs_strace

RUNS = (4, pytest.param(60, marks=pytest.mark.torture))
JOURNALS = (
    pytest.param([], id="delete"),
    pytest.param(["--journal-mode", "wal", "--force"], id="wal", marks=pytest.mark.torture),
)


class Computer:
    """Runs commands on a directory of its own and follows what its disk would keep."""

    def __init__(self, bangui):
        self.bangui = bangui
        self.home, self.scratch = bangui.home / "disk", bangui.home / "scratch"
        self.database = self.home / "bangui.db"
        self.home.mkdir()
        self.disk = Disk(self.home)
        self.chance = random.Random(1)

    def run(self, *arguments):
        """Run a command to its end; yield at each moment that changes what a power cut leaves."""
        trace = self.bangui.home / "strace.log"
        under = ["strace", "-qq", "-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(trace)]
        self.bangui.ok(*arguments, "--database", self.database, under=under)
        yield from self.disk.replay(trace.read_text())

    def left_overs(self):
        """Yield the database as a power cut may leave it: just what was synced, or some more."""
        for keep in (0.0, 0.5, 0.9):
            yield self._restart(self.scratch, keep)

    def lose_power(self):
        """Cut the power now; the next command finds what is left, of which this returns a copy."""
        database = self._restart(self.scratch, keep=0.5)
        shutil.rmtree(self.home)
        shutil.copytree(self.scratch, self.home)
        self.disk = Disk(self.home)
        return database

    def _restart(self, directory, keep):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        for name, content in self.disk.survivors(self.chance, keep).items():
            (directory / name).write_bytes(content)
        return directory / "bangui.db"


def _commands(home):
    """Yield commands without end, and the entries that each stages."""
    for number in itertools.count():
        added, *imported = make_entries(8, generation=number)
        path = home / "answers.jsonl"
        path.write_text(as_lines(imported))
        yield add_command(added), [added]
        yield ("import", path), imported
        yield ("flush", "--batch-size", 2), []
        yield ("heartbeat",), []


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize("journal", JOURNALS)
def test_acknowledged_entries_survive_a_power_cut(bare, journal, runs):
    """Every command is cut at each of its calls; now and then the next goes on from what is left."""
    computer, ledger, cuts, losses = Computer(bare), Ledger(), 0, 0
    for _ in computer.run("init", *journal):
        pass
    for arguments, in_flight in itertools.islice(_commands(bare.home), runs):
        lose_at = computer.chance.randrange(120)
        for moment, _ in enumerate(computer.run(*arguments)):
            for database in computer.left_overs():
                check_database(database, ledger, in_flight)
                cuts += 1
            if moment == lose_at:
                database = computer.lose_power()
                check_database(database, ledger, in_flight)
                ledger.acknowledge(itertools.chain(*map(dict.values, read_entries(database))))
                losses += 1
                break
        else:
            ledger.acknowledge(in_flight)
            for database in computer.left_overs():
                check_database(database, ledger)

    print(f"power cut: {cuts} states checked, {losses} gone on from")


@pytest.mark.parametrize("journal", JOURNALS)
def test_a_database_that_init_has_reported_survives_a_power_cut(bare, journal):
    """Before that, what a power cut leaves is sound, and `init` can be repeated on it."""
    computer = Computer(bare)
    for _ in computer.run("init", *journal):
        for database in computer.left_overs():
            check_integrity(database)
    for database in computer.left_overs():
        bare.ok("heartbeat", "--database", database)
