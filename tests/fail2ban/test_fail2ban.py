"""fail2ban's database is read in one short fetch, in every state it may be in."""

import sqlite3

import pytest

from bangui_cli.fail2ban import database as fail2ban
from bangui_cli.states.errors import DatabaseBusy


def test_a_read_that_takes_too_long_is_given_up(tmp_path, monkeypatch):
    """After 5 s fail2ban would lose a ban: a database too big for that is not read to the end."""
    monkeypatch.setattr(fail2ban, "_WAIT_S", 0.1)
    monkeypatch.setattr(fail2ban, "_LIMIT_S", 0.3)
    path = tmp_path / "endless.sqlite3"
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS ip FROM n"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE VIEW bans AS {endless} WHERE i < 0")
        connection.execute("CREATE TABLE bips (ip)")
    connection.close()

    with pytest.raises(DatabaseBusy, match="would lose bans"):
        fail2ban.read_addresses(str(path))


def test_reading_leaves_the_file_free(tmp_path):
    """A writer gets in at once while what was read is still in use."""
    path = tmp_path / "f2b.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bans (ip)")
        connection.execute("CREATE TABLE bips (ip)")
        connection.executemany("INSERT INTO bans VALUES (?)", [(f"192.0.2.{n}",) for n in range(250)])
    connection.close()

    addresses = iter(fail2ban.read_addresses(str(path)))
    next(addresses)

    writer = sqlite3.connect(path, timeout=0)
    writer.execute("BEGIN EXCLUSIVE")
    writer.close()
    assert len(list(addresses)) == 249
