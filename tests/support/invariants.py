"""What holds of a database and of a run, whatever happened to them: the promises, in one place."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from bangui_cli.rules.entry import Entry, merge
from bangui_cli.states import exit_codes

SIGNALS = range(exit_codes.SIGNAL_BASE + 1, exit_codes.SIGNAL_BASE + 65)
CODES = {int(row.code) for row in exit_codes.TABLE if row.code.isdigit()} | set(SIGNALS)

_CACHED = "SELECT ip, country_code, country_name, asn, org, cached_at FROM geo_cache"
_DIRTY = "SELECT ip, country_code, country_name, asn, org, resolved_at FROM geo_cache_dirty"


# No test stages an entry whose time is of the future for one run and not for another.
_LATEST = "9999"


class Ledger:
    """What must be known of each address: of each half the newest that was ever acknowledged."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.newest: dict[str, Entry] = {}
        self.acknowledge(entries)

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Take note of entries that a run has reported as staged."""
        for entry in entries:
            self.newest[entry.ip] = merged(entry, self.newest.get(entry.ip))


def merged(new: Entry, old: Entry | None) -> Entry:
    """Return what counts of two entries of one address."""
    return new if old is None else merge(new, old, _LATEST)


def read_entries(path: Path) -> tuple[dict[str, Entry], dict[str, Entry]]:
    """Return the cache and the dirty set by address."""
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        cached, dirty = (
            {row[0]: Entry(*row) for row in connection.execute(query)} for query in (_CACHED, _DIRTY)
        )
    return cached, dirty


def check_database(path: Path, ledger: Ledger, in_flight: Iterable[Entry] = ()) -> None:
    """Check that the file is sound and that it knows just what it must.

    `in_flight` are entries of a run that ended before it could acknowledge them: each of them may be
    there or not.
    """
    check_integrity(path)
    check_entries(*read_entries(path), ledger, in_flight)


def check_entries(
    cached: dict[str, Entry],
    dirty: dict[str, Entry],
    ledger: Ledger,
    in_flight: Iterable[Entry] = (),
) -> None:
    """Check that cache and dirty set know just what they must, as `check_database` does."""
    assert not set(cached.values()) & set(dirty.values()), "an entry is in two places"
    possible: dict[str, set[Entry | None]] = {ip: {entry} for ip, entry in ledger.newest.items()}
    for entry in in_flight:
        before = possible.get(entry.ip, {None})
        possible[entry.ip] = before | {merged(entry, old) for old in before}
    for ip in ledger.newest.keys() | cached.keys() | dirty.keys():
        found = merged(dirty[ip], cached.get(ip)) if ip in dirty else cached.get(ip)
        assert found in possible.get(ip, ()), (
            f"{ip}: found {found}, acknowledged {ledger.newest.get(ip)}"
        )


def check_integrity(path: Path) -> None:
    """Check that SQLite finds no fault in the file."""
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def check_run(code: int, stderr: str) -> None:
    """Check that a run ended with one code of the table, and a failed one with one final event."""
    events = [json.loads(line) for line in stderr.splitlines()]
    final = [event for event in events if "exit_code" in event]
    assert code in CODES, (code, stderr)
    if code == exit_codes.DONE:
        assert final == []
        return
    assert [event["exit_code"] for event in final] == [code], (code, stderr)
    assert final == events[-1:], "the final event is the last line"
    assert all(final[0][key] for key in ("error", "hint")), final


class LeaseWatch:
    """The leases that runs reported, in the order of their ends by process."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}
        self._leases: dict[int, str] = {}
        self._last_token: dict[str, int] = {}

    def saw(self, lock: dict[str, Any]) -> None:
        """Check one report of a held lock: one owner a lease, one lease a token, tokens never fall."""
        owner, lease_id, token = lock["owner"], lock["lease_id"], lock["token"]
        assert self._owners.setdefault(lease_id, owner) == owner, "two owners of one lease"
        assert self._leases.setdefault(token, lease_id) == lease_id, "two leases with one token"
        assert self._last_token.get(owner, 0) <= token, "a token fell"
        self._last_token[owner] = token

    @property
    def leases(self) -> int:
        """Return how many different leases were seen."""
        return len(self._owners)
