"""Instances that flush, beat, stage and read at the same time lose nothing and count nothing twice."""

import itertools
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from invariants import LeaseWatch, Ledger, check_database, check_run, read_entries
from workload import add_command, as_lines, flushed_total, make_entries

INSTANCES = ("web1", "web2", "web3")
SHORT_TTL = {"BANGUI_LOCK_TTL": "1.2", "BANGUI_HEARTBEAT_INTERVAL": "0.4"}
ROWS_OF_AN_IMPORT = 300
(KNOWN,) = make_entries(1)


class Load:
    """What several users of one database do, each command checked, and what came of it."""

    def __init__(self, bangui):
        self.bangui = bangui
        self.ledger = Ledger()
        self.watch = LeaseWatch()
        self.flushed = 0
        self.runs = 0

    def run(self, *arguments, allowed=(0,), **options):
        ended = self.bangui.run(*arguments, **options)
        check_run(ended.code, ended.stderr)
        assert ended.code in allowed, ended
        self.runs += 1
        return ended

    def keep(self, instance):
        """Run the two jobs of an instance, which now and then goes away or hands the lock over."""
        chance = random.Random(instance)
        while True:
            for job in ("heartbeat", "flush"):
                ended = self.run(job, "--json", "--instance", instance, allowed=(0, 75, 124))
                self.flushed += ended.json["flushed"]
                if ended.json["outcome"] == "ok":
                    self.watch.saw(ended.json["lock"])
            if chance.random() < 0.1:
                self.run("lock", "release", "--instance", instance, allowed=(0, 75))
            yield 2.0 if chance.random() < 0.1 else 0.1

    def add(self):
        """Stage single entries, each for an address of its own.

        Of an address that an import knows, too, an older country would count as new as the network that
        it is merged with: what is found then hangs on the order of staging and flush.
        """
        for entry in make_entries(ROWS_OF_AN_IMPORT + 10_000)[ROWS_OF_AN_IMPORT:]:
            self.run(*add_command(entry))
            self.ledger.acknowledge([entry])
            yield 0.0

    def import_again(self):
        """Stage newer entries for the same addresses, over and over."""
        for generation in itertools.count(1):
            entries = make_entries(ROWS_OF_AN_IMPORT, generation)
            self.run("import", "-", input=as_lines(entries))
            self.ledger.acknowledge(entries)
            yield 0.2

    def read(self):
        """Look at everything, and always find what was there before the others began."""
        while True:
            self.run("status", "--format", "json")
            self.run("lookup", KNOWN.ip)
            yield 0.2


def _repeat(steps, ends_s):
    for pause_s in steps:
        if time.monotonic() > ends_s:
            return
        time.sleep(pause_s)


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.torture)])
def test_a_mixed_load_loses_nothing_and_counts_nothing_twice(bangui, seconds):
    """What the flushes report adds up to the total, and every acknowledged entry is in the cache."""
    bangui.environment |= SHORT_TTL
    load = Load(bangui)
    load.run(*add_command(KNOWN))
    load.ledger.acknowledge([KNOWN])
    users = [*map(load.keep, INSTANCES), load.add(), load.import_again(), load.read()]
    ends_s = time.monotonic() + seconds
    with ThreadPoolExecutor(len(users)) as pool:
        for done in [pool.submit(_repeat, steps, ends_s) for steps in users]:
            done.result()
    check_database(bangui.database, load.ledger)
    last = load.run("flush", "--json", "--wait", "10", "--instance", "web1")

    assert (load.ledger.newest, {}) == read_entries(bangui.database)
    assert load.flushed + last.json["flushed"] == flushed_total(bangui.database)
    print(f"{load.runs} runs, {load.watch.leases} leases, {flushed_total(bangui.database)} rows flushed")
