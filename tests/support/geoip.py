"""MMDB files in the layouts of their makers, and fail2ban's database, for tests to read."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mmdb_writer
import netaddr

MAXMIND = Path(__file__).parents[1] / "data/mmdb"


def write_mmdb(path: Path, records: dict[str, Any], *, ip_version: int = 6) -> Path:
    """Write an MMDB file with a record for each network."""
    writer = mmdb_writer.MMDBWriter(ip_version, "Test", languages=["en"], description="made by a test",
                                    ipv4_compatible=ip_version == 6)  # fmt: skip
    for network, record in records.items():
        writer.insert_network(netaddr.IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def country(code: str, name: str) -> dict[str, Any]:
    """Return a record as MaxMind's and DB-IP's country files have it."""
    return {"country": {"iso_code": code, "names": {"en": name, "de": f"({name})"}}}


def asn(number: int, org: str) -> dict[str, Any]:
    """Return a record as MaxMind's and DB-IP's ASN files have it."""
    return {"autonomous_system_number": number, "autonomous_system_organization": org}


Ban = tuple[str, Any, int, int]

# As fail2ban 1.0 writes it.
FAIL2BAN = """
CREATE TABLE fail2banDb (version INTEGER);
CREATE TABLE jails (name TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL DEFAULT 1);
CREATE TABLE bans (
    jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,
    bancount INTEGER NOT NULL DEFAULT 1, data JSON, FOREIGN KEY (jail) REFERENCES jails (name)
);
CREATE INDEX bans_jail_timeofban_ip ON bans (jail, timeofban);
CREATE INDEX bans_jail_ip ON bans (jail, ip);
CREATE INDEX bans_ip ON bans (ip);
CREATE TABLE bips (
    ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,
    bancount INTEGER NOT NULL DEFAULT 1, data JSON,
    PRIMARY KEY (ip, jail), FOREIGN KEY (jail) REFERENCES jails (name)
);
CREATE INDEX bips_timeofban ON bips (timeofban);
CREATE INDEX bips_ip ON bips (ip);
"""


def write_fail2ban(path: Path, bans: Iterable[Ban], bips: Iterable[Ban] = ()) -> Path:
    """Write a database with the tables of fail2ban; a ban is jail, ip, time, duration."""
    connection = sqlite3.connect(path)
    connection.executescript(FAIL2BAN)
    insert = "INSERT INTO {} (jail, ip, timeofban, bantime) VALUES (?, ?, ?, ?)"
    connection.executemany(insert.format("bans"), bans)
    connection.executemany(insert.format("bips"), bips)
    connection.commit()
    connection.close()
    return path


def query_plan(path: Path | str, query: str) -> list[str]:
    """Return the steps that SQLite takes for a query of ours."""
    connection = sqlite3.connect(path)
    parameters = {
        "jail": b"sshd",
        "since_s": 1,
        "until_s": 2,
        "now_s": 1,
        "after": 0,
        "number": 0,
        "counts_all": 0,
    }
    rows = connection.execute(f"EXPLAIN QUERY PLAN {query}", parameters).fetchall()
    connection.close()
    return [row[3] for row in rows if row[3].startswith(("SCAN", "SEARCH", "USE"))]
