"""A signal ends a run at any moment with its own exit code, one final event and nothing lost."""

import collections
import random
import signal
import sys
import time

import pytest
from invariants import Ledger, check_database, check_integrity, check_run, read_entries
from workload import SMALL_BATCHES, as_lines, flushed_total, make_entries, stage

pytestmark = pytest.mark.torture

ROWS = 6000
ROUNDS = 90
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _check_end(ended, sent):
    """Check the end of a run that was sent a signal, before, during or after its work."""
    if ended.code == 0 and "Exception ignored in" in ended.stderr:
        return  # it came to a callback of the interpreter's own start, which told it and went on
    interpreter_was_interrupted = "KeyboardInterrupt" in ended.stderr or "runpy" in ended.stderr
    if ended.code == -sent or (sent == signal.SIGINT and interpreter_was_interrupted):
        # Before our first line the interpreter, or the signal's own action, ends the process.
        assert not ended.stdout
        assert interpreter_was_interrupted or not ended.stderr
        return
    check_run(ended.code, ended.stderr)
    assert ended.code in (0, 128 + sent)


def test_a_signal_at_any_moment_ends_a_flush_cleanly(bangui):
    """What was moved before the signal stays moved, and the run reports just that much."""
    chance, codes, moved, ledger = random.Random(1), collections.Counter(), 0, Ledger()
    for number in range(ROUNDS):
        sent = SIGNALS[number % len(SIGNALS)]
        entries = make_entries(ROWS, generation=number)
        stage(bangui.database, entries)
        ledger.acknowledge(entries)
        flush = bangui.start("flush", "--batch-size", 50, "--json")
        time.sleep(chance.uniform(0.0, 0.25))
        flush.send_signal(sent)
        ended = bangui.end(flush)

        _check_end(ended, sent)
        check_database(bangui.database, ledger)
        moved += ended.json["flushed"] if ended.stdout else 0
        assert moved == flushed_total(bangui.database)
        codes[ended.code] += 1
    print(f"runs by exit code: {dict(codes)}")


@pytest.mark.parametrize("beside", [False, True], ids=["at-once", "beside"])
def test_a_signal_at_any_moment_ends_an_import_cleanly(bangui, beside):
    """What it reports as staged is there, also what it had read when the signal came."""
    options = {"program": [sys.executable, "-c", SMALL_BATCHES]} if beside else {}
    chance, codes, ledger = random.Random(2), collections.Counter(), Ledger()
    path = bangui.home / "answers.jsonl"
    for number in range(ROUNDS // 2):
        sent = SIGNALS[number % len(SIGNALS)]
        entries = make_entries(ROWS, generation=number)
        path.write_text(as_lines(entries))
        process = bangui.start("import", path, "--json", **options)
        time.sleep(chance.uniform(0.0, 0.3))
        process.send_signal(sent)
        ended = bangui.end(process)

        _check_end(ended, sent)
        check_database(bangui.database, ledger, in_flight=entries)
        if ended.stdout:
            # The row that it was just taking may be counted as read, and no more.
            assert 0 <= ended.json["read"] - ended.json["staged"] <= 1
        staged = read_entries(bangui.database)[1].values()
        newest = [entry for entry in staged if entry.resolved_at == entries[0].resolved_at]
        assert len(newest) == (ended.json["staged"] if ended.stdout else 0)
        ledger.acknowledge(staged)
        codes[ended.code] += 1
    print(f"imports by exit code: {dict(codes)}")


def _send_twice(process, chance):
    """Send a signal at any moment, and another soon after it; return both."""
    first, second = chance.choices(SIGNALS, k=2)
    time.sleep(chance.uniform(0.0, 0.25))
    process.send_signal(first)
    time.sleep(chance.choice([0.0, 0.01, chance.uniform(0.0, 0.5)]))
    process.send_signal(second)
    return first, second


def _check_end_of_two(ended, sent):
    """Check the end of a run that was sent two signals: as for one of them, whichever it was."""
    numbers = {128 + number for number in sent} | {-number for number in sent}
    _check_end(ended, next((n for n in sent if ended.code in (128 + n, -n)), sent[0]))
    assert ended.code in {0, 1} | numbers


def test_a_second_signal_at_any_moment_ends_a_flush_cleanly(bangui):
    """It ends the handling of the first, and leaves nothing half done and nothing unsaid."""
    chance, codes, ledger = random.Random(3), collections.Counter(), Ledger()
    for number in range(ROUNDS):
        entries, before = make_entries(ROWS, generation=number), flushed_total(bangui.database)
        stage(bangui.database, entries)
        ledger.acknowledge(entries)
        flush = bangui.start("flush", "--batch-size", 50, "--json")
        sent = _send_twice(flush, chance)
        ended = bangui.end(flush)

        _check_end_of_two(ended, sent)
        check_database(bangui.database, ledger)
        moved = flushed_total(bangui.database) - before
        assert not ended.stdout or ended.json["flushed"] in (moved, None)
        codes[ended.code] += 1
    print(f"runs by exit code: {dict(codes)}")


def test_a_second_signal_at_any_moment_ends_an_import_cleanly(bangui):
    """Nothing is reported as staged that is not, and nothing is called a bug."""
    options = {"program": [sys.executable, "-c", SMALL_BATCHES]}
    chance, codes, ledger = random.Random(4), collections.Counter(), Ledger()
    path = bangui.home / "answers.jsonl"
    for number in range(ROUNDS):
        entries = make_entries(ROWS, generation=number)
        path.write_text(as_lines(entries))
        process = bangui.start("import", path, "--json", **options)
        sent = _send_twice(process, chance)
        ended = bangui.end(process)

        _check_end_of_two(ended, sent)
        check_database(bangui.database, ledger, in_flight=entries)
        staged = read_entries(bangui.database)[1].values()
        newest = [entry for entry in staged if entry.resolved_at == entries[0].resolved_at]
        assert not ended.stdout or len(newest) == ended.json["staged"]
        ledger.acknowledge(staged)
        codes[ended.code] += 1
    print(f"imports by exit code: {dict(codes)}")


@pytest.mark.parametrize("command", ["heartbeat", "init", "add 192.0.2.1", "status --format json"])
def test_a_signal_at_any_moment_ends_other_commands_cleanly(bangui, command):
    """The database is sound after each, and the next run finds what it needs."""
    chance = random.Random(command)
    for sent in SIGNALS * 12:
        process = bangui.start(*command.split())
        time.sleep(chance.uniform(0.0, 0.15))
        process.send_signal(sent)
        _check_end(bangui.end(process), sent)
        check_integrity(bangui.database)
    bangui.ok("flush")
