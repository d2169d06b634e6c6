"""Let a database live through simulated weeks: `python tests/torture/soak.py [WEEKS] [--wal]`; 250 take an hour.

Three instances are scheduled as cron would, on one machine whose clocks are moved by hand. Some of
their runs die, the machine reboots, its wall clock steps, an instance is away for hours. At the end
the files, the descriptors and the memory are as small as after the first day, and nothing is lost.
"""

import os
import random
import resource
import sys
import time

from invariants import Ledger, check_database, check_integrity, check_run, read_entries
from simulation import START_WALL_S, Machine
from workload import add_command

from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry

DAY_S, WEEK_S = 86400, 7 * 86400
INTERVAL_S = 600
# However often the wall clock is stepped back.
LONG_AGO_S = 10 * 365 * DAY_S
INSTANCES = ("web1", "web2", "web3")
SETTINGS = {"lock_ttl": 3 * INTERVAL_S, "heartbeat_interval": INTERVAL_S, "flush_interval": INTERVAL_S}
ADDRESSES = 150
DIES, IS_AWAY, REBOOTS, STEPS = 0.03, 0.02, 0.002, 0.005
ALLOWED_MIB = 8
# SQLite checkpoints at 1,000 pages of 4 KiB, when no reader is in the way.
WAL_LIMIT_BYTES = 5 * 1024 * 1024


class Life:
    """A machine, what its database must know, and what was seen of it so far."""

    def __init__(self, machine, *, wal):
        self.machine = machine
        self.chance = random.Random(1)
        self.ledger = Ledger()
        self.away_until_s = dict.fromkeys(INSTANCES, 0.0)
        self.age_s = 0.0
        self.runs = self.kills = self.held = self.staged = 0
        self.sizes, self.left_bytes = [], 0
        machine.run("init", *["--journal-mode", "wal", "--force"] * wal)

    def live(self, seconds):
        """Let time pass, an interval after the other."""
        while self.age_s < seconds:
            self._have_bad_luck()
            self._stage()
            for instance in INSTANCES:
                if self.away_until_s[instance] <= self.age_s:
                    self._run("heartbeat", instance)
                    self._run("flush", instance)
            self.machine.pass_time(INTERVAL_S)
            self.age_s += INTERVAL_S
            self._measure()

    def _measure(self):
        """Note the size of the database, and the most that is left beside it, as after a crash."""
        in_all = sum(path.stat().st_size for path in self.machine.files())
        self.sizes.append(self.machine.database.stat().st_size)
        self.left_bytes = max(self.left_bytes, in_all - self.sizes[-1])

    def _have_bad_luck(self):
        if self.chance.random() < REBOOTS:
            self.machine.reboot(uptime_s=self.chance.choice([30, 3600]))
        if self.chance.random() < STEPS:
            step_s = self.chance.choice([-3600, 3600, -WEEK_S, WEEK_S])
            self.machine.set_wall(self.machine.wall_s + step_s)
        if self.chance.random() < IS_AWAY:
            away_s = self.chance.uniform(0, DAY_S / 4)
            self.away_until_s[self.chance.choice(INSTANCES)] = self.age_s + away_s

    def _stage(self):
        """Stage an entry as a finished `add`, or as one that died."""
        number = self.chance.randrange(ADDRESSES)
        self.staged += 1
        entry = self._new_entry(f"10.0.{number >> 8}.{number & 255}")
        outcome = self._run("add", "web1", *add_command(entry)[1:])
        if outcome.code == 0 or entry in read_entries(self.machine.database)[1].values():
            self.ledger.acknowledge([entry])

    def _new_entry(self, ip):
        """Return an entry with both halves or one, newer than the last, and never of the future."""
        resolved_at = timestamps.to_text(START_WALL_S - LONG_AGO_S + self.age_s)
        halves = self.chance.choice([("country",), ("network",), ("country", "network")])
        country = ("DE", f"n{self.staged}") if "country" in halves else (None, None)
        network = ("AS64496", f"n{self.staged}") if "network" in halves else (None, None)
        return Entry(ip, *country, *network, resolved_at)

    def _run(self, command, instance, *arguments):
        if self.chance.random() < DIES:
            self.machine.kill_at(self.chance.randint(1, 25))
        outcome = self.machine.run(command, *arguments, instance=instance, **SETTINGS)
        self.runs += 1
        if outcome.code is None:
            self.kills += 1
            check_integrity(self.machine.database)
            return outcome
        check_run(outcome.code, outcome.stderr)
        assert outcome.code in (0, 75), outcome
        self.held += outcome.code == 75
        return outcome


def _descriptors():
    return len(os.listdir("/proc/self/fd"))


def _peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(weeks, *, wal=False):
    """Simulate so many weeks and print what came of them. Raise AssertionError for what grew."""
    began_s = time.monotonic()
    with Machine() as machine:
        life = Life(machine, wal=wal)
        life.live(2 * DAY_S)
        descriptors, peak_mib, first = _descriptors(), _peak_mib(), max(life.sizes)
        life.live(weeks * WEEK_S)
        check_database(machine.database, life.ledger)
        assert machine.run("flush", "--wait", "10", instance="web1", **SETTINGS).code in (0, 75)
        leases = machine.rows("SELECT max(last_token) FROM job_state")[0][0]
    more_descriptors, more_mib = _descriptors() - descriptors, _peak_mib() - peak_mib
    print(
        f"{weeks:g} weeks{' in WAL mode' * wal}: {life.runs} runs, {life.kills} killed, {life.held} held, "
        f"{leases} leases, {life.staged} entries staged, none lost; database at most {max(life.sizes)} bytes "
        f"({first} in the first two days), {life.left_bytes} beside it, {more_descriptors} descriptors "
        f"and {more_mib:.1f} MiB more, {time.monotonic() - began_s:.0f} s"
    )
    assert max(life.sizes) <= 1.1 * first
    assert life.left_bytes <= (WAL_LIMIT_BYTES if wal else first)
    assert more_descriptors == 0
    assert more_mib < ALLOWED_MIB


if __name__ == "__main__":
    numbers = [argument for argument in sys.argv[1:] if argument != "--wal"]
    run(float(numbers[0]) if numbers else 4, wal="--wal" in sys.argv)
