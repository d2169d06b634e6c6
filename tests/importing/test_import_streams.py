"""`bangui import` as a process: pipes that pause, signals, kills, full disks, readers and terminals."""

import fcntl
import json
import os
import pty
import random
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import closing

import pytest
from conftest import wait_until
from invariants import check_integrity
from peaks import peak_mib

PATIENCE_S = 30


def line(n, **fields):
    return (
        json.dumps({"ip": f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", "country": "DE", **fields})
        + "\n"
    )


def staged_rows(bangui):
    return bangui.rows("SELECT count(*) FROM geo_cache_dirty")[0][0]


@pytest.fixture
def stream(bangui):
    """Start an import from a pipe, and end it with the test."""
    process = bangui.start("import", "--json", stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def feed(process, text):
    process.stdin.write(text)
    process.stdin.flush()


def test_rows_are_committed_when_the_pipe_pauses(bangui, stream):
    """What a resolver has written is staged while it still runs, half a line not yet."""
    feed(stream, line(1) + line(2) + line(3)[:20])
    wait_until(lambda: staged_rows(bangui) == 2)
    assert stream.poll() is None
    feed(stream, line(3)[20:])
    wait_until(lambda: staged_rows(bangui) == 3)
    ended = bangui.end(stream)

    assert (ended.code, ended.json["staged"]) == (0, 3)


def test_rows_are_committed_though_the_pipe_never_pauses(bangui, stream):
    """A steady trickle does not keep its rows waiting for a full batch."""
    count = 0
    deadline_s = time.monotonic() + PATIENCE_S
    while not staged_rows(bangui) and time.monotonic() < deadline_s:
        count += 1
        feed(stream, line(count))
        time.sleep(0.05)

    assert 0 < staged_rows(bangui) <= count


def test_a_row_without_a_time_gets_the_time_of_its_arrival(bangui, stream):
    """Also after a pipe was silent for a while."""
    feed(stream, line(1))
    wait_until(lambda: staged_rows(bangui) == 1)
    time.sleep(1)
    feed(stream, line(2))
    bangui.end(stream)

    first, second = (
        time for (time,) in bangui.rows("SELECT resolved_at FROM geo_cache_dirty ORDER BY ip")
    )
    assert second > first
    assert second[:19] != first[:19]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_an_import_and_what_was_read_is_kept(bangui, stream, number, code):
    """Rows that were taken from a pipe cannot be read again: they are committed, whole rows only."""
    feed(stream, line(1) + line(2) + line(3)[:10])
    wait_until(lambda: staged_rows(bangui) == 2)
    stream.send_signal(number)
    ended = bangui.end(stream)

    assert ended.code == code
    assert (ended.json["read"], ended.json["staged"]) == (2, 2)
    assert ended.event_names == ["command_failed"]
    assert staged_rows(bangui) == 2


def unread_bytes(pipe):
    """Return how much of what was written to a pipe nobody has read yet."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGTERM]], ids=["", "two"])
def test_rows_that_wait_for_the_database_are_kept_when_a_signal_comes(bangui, stream, signals):
    """They cannot be read again, so the end of the import waits for the lock, for a moment, and saves them."""
    feed(stream, line(1))
    wait_until(lambda: staged_rows(bangui) == 1)
    with closing(bangui.connect()) as other:
        other.execute("BEGIN IMMEDIATE")
        feed(stream, line(2) + line(3))
        wait_until(lambda: not unread_bytes(stream.stdin))
        time.sleep(0.3)
        for number in signals:
            stream.send_signal(number)
        other.execute("COMMIT")
    ended = bangui.end(stream)

    assert (ended.code, ended.json["read"], ended.json["staged"]) == (128 + signals[0], 3, 3)
    assert staged_rows(bangui) == 3


@pytest.mark.parametrize("kills", [4, pytest.param(60, marks=pytest.mark.torture)])
def test_a_killed_import_keeps_what_it_committed(bangui, kills):
    """After `kill -9` at any moment the database is sound, holds rows of the input, and can go on."""
    chance = random.Random(kills)
    source = bangui.home / "rows.jsonl"
    numbers = chance.sample(range(2**24), 30_000)
    source.write_text("".join(line(n) for n in numbers))
    began_s = time.monotonic()
    bangui.ok("import", source)
    takes_s = time.monotonic() - began_s
    bangui.execute("DELETE FROM geo_cache_dirty")
    known = 0
    for _ in range(kills):
        process = bangui.start("import", source)
        time.sleep(chance.uniform(0, takes_s))
        process.kill()
        process.communicate()
        check_integrity(bangui.database)
        assert staged_rows(bangui) >= known
        known = staged_rows(bangui)
    bangui.ok("import", source)

    assert staged_rows(bangui) == len(numbers)


def test_a_full_disk_stops_an_import_at_its_last_commit(bangui):
    """What was counted as staged is there; the limit on the file's size stands for the disk."""
    source = bangui.home / "rows.jsonl"
    source.write_text("".join(line(n, org=f"Organisation {n}") for n in range(30_000)))
    ended = bangui.run("import", source, "--json", under=["prlimit", "--fsize=1000000"])

    assert ended.code == 74
    assert 0 < ended.json["staged"] < 30_000
    assert ended.json["staged"] == staged_rows(bangui)
    assert ended.event_names == ["command_failed"]


def test_a_reader_does_not_stop_an_import(bangui):
    """A big transaction that cannot spill beside a reader keeps its pages in memory and waits."""
    bangui.execute(
        "INSERT INTO geo_cache_dirty (ip, resolved_at) VALUES ('::1', '2026-01-01T00:00:00.000Z')"
    )
    source = bangui.home / "rows.jsonl"
    source.write_text(
        "".join(line(n, org="x" * 200) for n in random.Random(1).sample(range(2**24), 20_000))
    )
    reader = bangui.connect()
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM geo_cache_dirty").fetchall()
    process = bangui.start("import", source, "--json")
    time.sleep(1.5)
    assert reader.execute("SELECT count(*) FROM geo_cache_dirty").fetchall() == [(1,)]
    reader.close()
    ended = bangui.end(process)

    assert (ended.code, ended.json["staged"]) == (0, 20_000)


def test_another_writer_gets_in_during_an_import(bangui):
    """Each batch lets go of the write lock: SQLite's own busy handler finds it free, again and again."""
    source = bangui.home / "rows.jsonl"
    source.write_text("".join(line(n) for n in random.Random(2).sample(range(2**24), 60_000)))
    process = bangui.start("import", source)
    writer, written = bangui.connect(), 0
    while process.poll() is None:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("COMMIT")
        written += 1
        time.sleep(0.01)
    writer.close()

    assert bangui.end(process).code == 0
    assert written > 2


def test_memory_does_not_grow_with_the_input(bangui):
    """Rows in random order are sorted in batches, and big transactions spill: 40 MiB at most."""
    source = bangui.home / "rows.jsonl"
    numbers = random.Random(3).sample(range(2**24), 120_000)
    source.write_text("".join(line(n, asn=f"AS{n}", org=f"Organisation number {n}") for n in numbers))

    code, peak = peak_mib(bangui, "import", source)
    assert code == 0
    assert peak <= 40


def test_memory_does_not_grow_with_the_length_of_the_rows(bangui):
    """What waits to be written is bounded by its size: a name may be 200 characters of four bytes."""
    source, name = bangui.home / "rows.jsonl", "\N{ROCKET}" * 200
    row = json.dumps({"country_name": name, "org": name}, ensure_ascii=False)
    source.write_text("".join(f'{{"ip": "1.{n >> 8}.{n & 255}.1", {row[1:]}\n' for n in range(32_000)))

    code, peak = peak_mib(bangui, "import", source)
    assert code == 0
    assert peak <= 55


def test_a_line_over_the_limit_is_passed_on_without_being_held(bangui):
    """100 MB without a newline end up among the rejects, and the memory stays small."""
    source, rejects = bangui.home / "in", bangui.home / "rejects"
    with source.open("w") as file:
        file.write(line(1) + '{"ip": "1.1.1.2", "org": "')
        for _ in range(100):
            file.write("x" * 1_000_000)
        file.write('"}\n' + line(3))

    code, peak = peak_mib(bangui, "import", source, "--rejects", rejects)
    assert code == 65
    assert staged_rows(bangui) == 2
    assert rejects.read_bytes() == source.read_bytes().splitlines(keepends=True)[1]
    assert peak < 80


class TestTerminal:
    """What a person sees."""

    @staticmethod
    def watch(bangui, *arguments, feed=(), **options):
        """Run on a terminal, feed stdin bit by bit, and return what was shown."""
        master, slave = pty.openpty()
        environment = {"TERM": "xterm", "COLUMNS": "100", "BANGUI_LOG_FORMAT": "auto"}
        process = bangui.start(*arguments, stdout=slave, stderr=slave, env=environment, **options)
        os.close(slave)
        shown = b""
        for text in [*feed, ""]:
            if text:
                process.stdin.write(text)
                process.stdin.flush()
            elif process.stdin:
                process.stdin.close()
            while select.select([master], [], [], 0.3 if text else PATIENCE_S)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError:
                    break
        os.close(master)
        return process.wait(PATIENCE_S), shown.decode()

    def test_a_short_import_ends_with_one_line(self, bangui):
        """No bar for what takes no time; nothing but the summary."""
        source = bangui.home / "rows"
        source.write_text(line(1) + line(2))
        code, shown = self.watch(bangui, "import", source)

        assert code == 0
        assert shown.startswith("staged 2 of 2 rows in ")
        assert shown.count("\n") == 1

    def test_a_long_import_shows_how_far_it_is_and_rejects_on_lines_of_their_own(self, bangui):
        """The bar counts rows where the end is not known, and makes room for the log."""
        pieces = [line(n) for n in range(4)] + ["broken\n"] + [line(n) for n in range(4, 7)]
        code, shown = self.watch(bangui, "import", feed=pieces, stdin=subprocess.PIPE)
        lines = shown.replace("\r\n", "\n").split("\n")

        assert code == 65
        assert "importing" in shown
        assert " rows" in shown
        assert any("\x1b[2K" in part or "import_row_rejected" in part for part in lines)
        assert "staged 7 of 8 rows, rejected 1" in shown

    def test_known_files_show_bytes(self, bangui):
        """Where the size is known the bar tells the share that is done."""
        source = bangui.home / "rows"
        source.write_text("".join(line(n) for n in random.Random(4).sample(range(2**24), 300_000)))
        code, shown = self.watch(bangui, "import", source)

        assert code == 0
        assert "importing" in shown
        assert "bytes" in shown
