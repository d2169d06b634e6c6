"""What time does to a run: each statement here is a moment at which the process may stand still."""

import pytest
from invariants import read_entries
from simulation import Machine

ADDRESSES = [f"192.0.2.{n}" for n in range(1, 9)]


@pytest.fixture
def machine(tmp_path):
    """Return a machine with entries that wait for a flush."""
    with Machine(tmp_path) as machine:
        machine.run("init")
        for address in ADDRESSES:
            machine.run("add", address)
        yield machine


def test_every_batch_refreshes_the_heartbeat(machine):
    """A long flush keeps its lock: at its end the heartbeat is as old as its last batch."""
    machine.on_statement(lambda _: machine.suspend(10))
    began_s = machine.boottime_s
    outcome = machine.run("flush", "--batch-size", 1)
    query = "SELECT heartbeat_boottime, heartbeat_at, heartbeat_written FROM scheduler_lock"
    [(boottime_s, wall_s, written_s)] = machine.rows(query)

    assert outcome.code == 0
    assert machine.boottime_s - began_s > 3 * 120
    assert machine.boottime_s - boottime_s < 120
    assert machine.wall_s - wall_s < 120
    assert wall_s == written_s


def test_the_timeout_ends_a_run_between_two_batches(machine):
    """What was moved until then stays moved, is counted, and the next run goes on from there."""
    machine.on_statement(lambda _: machine.pass_time(0.5))
    outcome = machine.run("flush", "--batch-size", 1, "--timeout", 20, "--json")
    cached, dirty = read_entries(machine.database)

    assert outcome.code == 124
    assert outcome.json["flushed"] == len(cached) > 0
    assert outcome.json["remaining"] == len(dirty) > 0
    assert machine.rows("SELECT last_outcome, flushed_total FROM job_state") == [
        ("timeout", len(cached))
    ]
    assert machine.run("flush", "--json").json["flushed"] == len(dirty)


def test_a_lock_that_expires_during_the_pass_is_still_its_own(machine):
    """Nobody took it over while the process stood still, so the fence lets it go on."""
    machine.interrupt_at(20, lambda: machine.suspend(10_000))

    assert machine.run("flush", "--batch-size", 1).code == 0
    assert read_entries(machine.database)[1] == {}
