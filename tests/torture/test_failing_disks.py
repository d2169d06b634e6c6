"""A disk that is full, fails or is read-only costs a run its work, and the database nothing."""

import collections
import os
import random

import pytest
from invariants import Ledger, check_database, check_run, read_entries
from workload import (
    add_command,
    make_entries,
    needs_root,
    needs_strace,
    small_disk,
    stage,
    strace,
)

ROWS = 2000
DISK_KIB = 1024
LEVELS = (2, pytest.param(20, marks=pytest.mark.torture))
FAULTS = [
    ("pwrite64:error=EIO", 1),
    ("pread64:error=EIO", 2),
    *(
        pytest.param(*fault, marks=pytest.mark.torture)
        for fault in (
            ("pwrite64:error=EIO", 12),
            ("pwrite64:error=ENOSPC", 12),
            ("fdatasync:error=EIO", 12),
            ("unlink:error=EIO", 2),
            ("pread64:error=EIO", 12),
        )
    ),
]


@pytest.fixture
def on_small_disk(bare):
    """Run bangui with its database on a file system of a megabyte."""
    with small_disk(bare.home / "disk", DISK_KIB) as directory:
        bare.database = directory / "bangui.db"
        bare.environment["BANGUI_DATABASE_PATH"] = str(bare.database)
        bare.ok("init")
        yield bare


class Trouble:
    """Runs commands that may fail for want of a disk, and knows what must be there in the end."""

    def __init__(self, bangui):
        self.bangui = bangui
        self.ledger = Ledger()
        self.codes = collections.Counter()

    def stage(self, generation):
        """Stage newer entries for all addresses but the last; return the entry for that one."""
        *staged, last = make_entries(ROWS, generation)
        stage(self.bangui.database, staged)
        self.ledger.acknowledge(staged)
        return last

    def run(self, *command, stages=(), **options):
        """Run a command, which works or says that the disk does not; `stages` is what it stages."""
        ended = self.bangui.run(*command, **options)
        check_run(ended.code, ended.stderr)
        assert ended.code in (0, 74), ended
        self.codes[command[0], ended.code] += 1
        check_database(self.bangui.database, self.ledger, in_flight=stages)
        for known in read_entries(self.bangui.database):
            self.ledger.acknowledge(known.values())
        if ended.code == 0:
            self.ledger.acknowledge(stages)
            check_database(self.bangui.database, self.ledger)

    def check_recovery(self):
        """Check that the next run, with a disk that works, does the rest."""
        self.bangui.ok("flush")

        assert (self.ledger.newest, {}) == read_entries(self.bangui.database)


def _fill(directory, leave_kib):
    """Fill a file system but for so much; return the file that does it."""
    space, filler = os.statvfs(directory), directory / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - leave_kib * 1024)
    return filler


@needs_root
@pytest.mark.parametrize("levels", LEVELS)
def test_a_full_disk_loses_nothing(on_small_disk, levels):
    """Whatever space is left, a run does its work or says 74; with space the next does the rest."""
    trouble = Trouble(on_small_disk)
    for level in range(levels):
        entry = trouble.stage(generation=level)
        filler = _fill(on_small_disk.database.parent, leave_kib=level * 480 // levels)
        for command in ("heartbeat", "flush", "init"):
            trouble.run(command)
        trouble.run(*add_command(entry), stages=[entry])
        filler.unlink()
        trouble.check_recovery()
    print(f"full disk: {dict(trouble.codes)}")


@needs_strace
@pytest.mark.parametrize(("fault", "rounds"), FAULTS)
def test_an_error_of_the_disk_loses_nothing(bangui, fault, rounds):
    """The n-th of a run fails: it says 74, or did not need it, and the next run does the rest."""
    trouble, chance, call = Trouble(bangui), random.Random(fault), fault.partition(":")[0]
    calls = {"unlink": 1, "pwrite64": 60, "fdatasync": 12, "pread64": 20}[call]
    for number in range(rounds):
        entry = trouble.stage(generation=number)
        # A sector that cannot be read is no better the next time.
        when = f"{chance.randint(1, calls)}{'+' * (call == 'pread64')}"
        where = ["-P", str(bangui.database)] * (call == "pread64")
        failing = strace(*where, "-e", f"trace={call}", "-e", f"inject={fault}:when={when}")
        trouble.run("flush", "--batch-size", 200, under=failing)
        trouble.run(*add_command(entry), stages=[entry], under=failing)
        trouble.check_recovery()
    print(f"{fault}: {dict(trouble.codes)}")
