"""Long answers of a server: while they are worked out, sent and read, nobody else waits for their reader."""

from typing import Any

import pytest
from conftest import wait_until
from servers import OnServer, connect, open_pooler

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.store import open_handover
from bangui_cli.store.postgresql import copying

ROWS = 12_000
FILL = f"""
INSERT INTO bangui.ban_history (instance, jail, ip, banned_at, bantime_s, bancount, failures)
SELECT 'web1', 'sshd', host('10.0.0.0'::inet + n), '2026-01-01T00:00:00.000Z', 600, 1, 5
  FROM generate_series(1, {ROWS}) AS n"""
# What a session keeps from vacuum and from others, and what it waits for.
SESSIONS = """
SELECT backend_xmin IS NOT NULL OR backend_xid IS NOT NULL,
       (SELECT count(*) FROM pg_locks AS l WHERE l.pid = a.pid AND locktype <> 'virtualxid'), wait_event
  FROM pg_stat_activity AS a
 WHERE datname = current_database() AND application_name = 'bangui'"""
ALL = "SELECT * FROM bangui.ban_history"
HOLDS_NOTHING = (False, 0)
LIMIT_MS = 2_000


@pytest.fixture
def long(on_server: OnServer) -> OnServer:
    on_server.execute(FILL)
    on_server.execute(f"SET lock_timeout = {LIMIT_MS}")
    return on_server


def test_between_two_pages_nothing_is_held_and_what_comes_later_is_not_seen(long: OnServer, monkeypatch):
    """A reader that stands still would keep vacuum from all tables, and the owner from this one."""
    seen: list[Any] = []
    write = copying._write

    def look_and_write(file, page):
        seen.extend(long.rows(SESSIONS))
        long.execute("TRUNCATE bangui.ban_history")
        return write(file, page)

    monkeypatch.setattr(copying, "_write", look_and_write)
    with open_handover(long.url) as store:
        rows = list(store.export_history(""))

    assert len(rows) == ROWS
    assert [tuple(one) for one in seen] == [(*HOLDS_NOTHING, "ClientRead")] * 3


def test_an_answer_that_nobody_takes_holds_nothing(long: OnServer):
    """No timeout of the server ends what waits to be read, as long as its reader only stands still."""
    with open_handover(long.url) as store:
        limit = Deadline(clocks.monotonic_s() + 60, TimeoutError())

        def ask_and_stand_still(message, parameters):
            store._wire.send(message, parameters, limit)
            if "HOLD" in message:
                wait_until(lambda: long.rows(SESSIONS)[0][2] == "ClientWrite")
                assert long.rows(SESSIONS) == [(*HOLDS_NOTHING, "ClientWrite")]
                long.execute("TRUNCATE bangui.ban_history")
            return store._wire.results(limit)

        copies = copying.Copies(ask_and_stand_still)
        assert len(copies.make(ALL, {})) == ROWS
        copies.close()


@pytest.mark.parametrize(("limit_rows", "messages"), [(500, 1), (501, 3), (ROWS, 5)])
def test_a_few_rows_take_one_message_and_more_a_transaction_that_sees_no_table(
    long: OnServer, limit_rows: int, messages: int
):
    """How many there are is known once there are too many: these are worked out for all pages at once."""
    asked: list[str] = []
    with open_handover(long.url) as store:

        def ask(message, parameters):
            asked.append(message)
            return store._ask(message, parameters)

        copies = copying.Copies(ask)
        statement = f"{ALL} LIMIT %(limit_rows)s"
        assert len(copies.make(statement, {"limit_rows": limit_rows})) == limit_rows
        copies.close()

    assert [ALL in message for message in asked] == ([True, True] + [False] * 3)[:messages]
    assert ["BEGIN" in message for message in asked] == ([False, True] + [False] * 3)[:messages]


def test_what_cannot_be_copied_leaves_nothing_in_the_session_of_a_pooler(long: OnServer):
    """A full disk on the host of the reader; the next program in that session knows nothing of it."""
    with open_pooler(long.server, 1) as (place, port):
        url = f"postgresql://postgres@/{long.name}?host={place}&port={port}"
        limit = ["bash", "-c", 'ulimit -f 100; exec "$@"', "-"]
        ended = long.run("export", "history", env={"BANGUI_DATABASE_PATH": url}, under=limit)
        other = connect(url)

        assert ended.code == 74
        assert other.rows("SELECT count(*) FROM pg_cursors") == [(0,)]
        other.raw.close()


def test_a_cursor_left_behind_in_the_session_of_a_pooler_is_cleared(long: OnServer):
    """By a run that was called away between its making and the transaction that reads it."""
    with open_pooler(long.server, 1) as (place, port):
        url = f"postgresql://postgres@/{long.name}?host={place}&port={port}"
        other = connect(url)
        other.execute("BEGIN; DECLARE copied CURSOR WITH HOLD FOR SELECT 1; COMMIT")
        history = long.ok("export", "history", env={"BANGUI_DATABASE_PATH": url})

        assert len(history.stdout.splitlines()) == ROWS
        assert other.rows("SELECT count(*) FROM pg_cursors") == [(0,)]
        other.raw.close()
