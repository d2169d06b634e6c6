"""The log in the journal: one entry an event, found by its fields, and never the end of a pass."""

import json
import os
import socket
import subprocess
import time
from contextlib import closing

import machine
import pytest
from machine import Machine

from bangui_cli.telling.journal import Entry, Journal

SEARCHES = """
bangui init -q -d "$OUT/b.db"
bangui add 192.0.2.1 -d "$OUT/b.db"
export BANGUI_LOG_TARGET=journal BANGUI_CORRELATION_ID=run-1
bangui flush -v -d "$OUT/b.db" --instance "wëb 1" > "$OUT/silent" 2>&1
! bangui heartbeat --log-format journald -d "$OUT/b.db" --instance web2 2> "$OUT/stderr"
! bangui add nonsense -d "$OUT/b.db" 2> /dev/null
wait_for sh -c 'journalctl BANGUI_EVENT=command_failed -o cat | grep -q .'
! BANGUI_CORRELATION_ID=run-2 systemd-cat -t bangui bangui add nonsense -d "$OUT/b.db"
journalctl --sync
find() { # NAME MATCH...
  journalctl -a -o json "${@:2}" > "$OUT/$1"
}
find flush BANGUI_JOB=geo_cache_flush
find run BANGUI_CORRELATION_ID=run-1 SYSLOG_IDENTIFIER=bangui
find under_unit _TRANSPORT=journal BANGUI_CORRELATION_ID=run-2
journalctl -o json _TRANSPORT=stdout -t bangui >> "$OUT/under_unit"
find warning BANGUI_JOB=scheduler_lock_heartbeat -p warning
find held BANGUI_OUTCOME=held BANGUI_EXIT_CODE=75
find failed BANGUI_OUTCOME=error BANGUI_EXIT_CODE=65 BANGUI_EVENT=command_failed BANGUI_CORRELATION_ID=run-1
find instance "BANGUI_INSTANCE=wëb 1"
journalctl BANGUI_CORRELATION_ID=run-1 -o cat > "$OUT/messages"
"""


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """Three runs that log to the real journald, and what is found of them."""
    reason = machine.missing("journalctl")
    if reason:
        pytest.skip(reason)
    return Machine(tmp_path_factory.mktemp("journal"), SEARCHES).finish()


def events(journal, name):
    return [entry["BANGUI_EVENT"] for entry in journal.lines(name)]


def test_an_event_is_found_by_each_of_its_fields(journal):
    """By job, run, instance, outcome and exit code, alone or with a priority."""
    assert events(journal, "flush") == ["scheduler_lock_created", "geo_cache_flush_ran"]
    assert events(journal, "run") == [
        "scheduler_lock_created",
        "geo_cache_flush_ran",
        "scheduler_lock_heartbeat_failed",
        "command_failed",
    ]
    assert events(journal, "warning") == events(journal, "held") == ["scheduler_lock_heartbeat_failed"]
    assert events(journal, "failed") == ["command_failed"]
    assert events(journal, "instance") == events(journal, "flush")


def test_the_last_event_of_a_run_alone_tells_how_it_ended(journal):
    """With code 0, too; an event on the way has neither code nor outcome."""
    first, last = journal.lines("flush")

    assert {"BANGUI_OUTCOME", "BANGUI_EXIT_CODE"}.isdisjoint(first)
    assert (last["BANGUI_OUTCOME"], last["BANGUI_EXIT_CODE"], last["PRIORITY"]) == ("ok", "0", "7")


def test_a_run_outside_the_jobs_has_no_job(journal):
    """A search for a job finds its runs alone."""
    (failed,) = journal.lines("failed")

    assert "BANGUI_JOB" not in failed
    assert (failed["PRIORITY"], failed["SYSLOG_IDENTIFIER"]) == ("3", "bangui")


def test_the_message_is_the_json_line_without_a_prefix(journal):
    """Whatever the format of the log: jq reads each."""
    messages = [json.loads(line) for line in journal.text("messages").splitlines()]

    assert [message["event"] for message in messages] == events(journal, "run")
    assert {message["correlation_id"] for message in messages} == {"run-1"}


def test_stderr_has_the_final_event_of_a_failure_and_nothing_else(journal):
    """So that cron mails just that."""
    assert journal.text("silent") == ""
    (line,) = journal.text("stderr").splitlines()
    assert line.startswith("<4>{")
    assert "scheduler_lock_heartbeat_failed" in line


def test_a_stderr_that_is_the_journal_has_no_event_twice(journal):
    """As under a unit of systemd: an alarm counts errors."""
    assert events(journal, "under_unit") == ["command_failed"]


def test_without_journald_everything_goes_to_stderr(bangui):
    """Nothing is lost, and the run ends as ever."""
    bangui.ok("add", "192.0.2.1")
    away = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh"]
    if os.geteuid() or subprocess.run([*away, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may hide journald")

    ended = bangui.ok("flush", "-v", "--log-target", "journal", under=away)

    assert ended.event_names == ["scheduler_lock_created", "geo_cache_flush_ran"]


@pytest.fixture
def reader(tmp_path):
    """Stand for a journald that reads only when it is told to; the kernel bounds its queue."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        yield listening


@pytest.fixture
def writer(tmp_path, reader):
    """Open the journal as a run does."""
    with closing(Journal(str(tmp_path / "socket"))) as journal:
        yield journal


ENTRY = Entry("{}", 6, "an_event")


def test_a_full_queue_is_waited_for_once_and_not_long(writer):
    """0.3 s a run in all; what finds no room is refused, to go to stderr."""
    began_s = time.monotonic()

    sent = [writer.send(ENTRY) for _ in range(2000)]

    assert 0.3 <= time.monotonic() - began_s < 1.0
    assert sent == sorted(sent, reverse=True)
    assert not sent[-1]


def test_a_reader_that_comes_back_gets_the_next_event(reader, writer):
    """Only the wait is over for this run, not the journal."""
    while writer.send(ENTRY):
        pass
    reader.recv(100)

    assert writer.send(ENTRY)


def test_a_journald_that_goes_away_is_no_failure(reader, writer, tmp_path):
    """In the middle of a run, or before it."""
    reader.close()

    assert not writer.send(ENTRY)
    assert not writer.send(ENTRY)
    assert not Journal(str(tmp_path / "nowhere")).send(ENTRY)


def test_an_entry_is_as_journald_wants_it(reader, writer):
    """A text of several lines has its length before it; what is None is left out."""
    writer.send(Entry("a\nb", 3, "an_event", instance="w\xebb"))

    assert reader.recv(1000) == (
        b"SYSLOG_IDENTIFIER=bangui\nMESSAGE\n\3\0\0\0\0\0\0\0a\nb\nPRIORITY=3\n"
        b"BANGUI_EVENT=an_event\nBANGUI_INSTANCE=w\xc3\xabb\n"
    )
