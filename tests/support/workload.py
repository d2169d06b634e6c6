"""Entries to stage, and the tools that end, slow and starve real processes."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import banguis
import pytest

from bangui_cli.access.staging import Staging, open_store
from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry, pack

START_S = 1_700_000_000
# Whatever SQLite does to its files is one of these; a commit is a few of each.
STORE_CALLS = "pwrite64,fdatasync,fsync,unlink,ftruncate"

# Batches so small that an import of a few thousand rows writes most of them beside its reading.
SMALL_BATCHES = """
from bangui_cli.store.sqlite.store import SqliteStore
SqliteStore.most_pending_bytes = 40_000
from bangui_cli.cli.main import run
run()
"""

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount and change user")


def make_entries(count: int, generation: int = 0) -> list[Entry]:
    """Return `count` entries, for the same addresses in each generation, each newer than the last.

    Some know both halves, some only the country, some only the network, by turns.
    """
    return [_entry(n, generation) for n in range(count)]


def _entry(n: int, generation: int) -> Entry:
    resolved_at = timestamps.to_text(START_S + generation)
    country = (None, None) if (n + generation) % 3 == 2 else ("DE", f"Land {generation}")
    asn = None if (n + generation) % 3 == 1 else f"AS{n % 65000 + 1}"
    return Entry(_address(n), *country, asn, asn and f"Netz {generation}", resolved_at)


def _address(n: int) -> str:
    return f"2001:db8::{n:x}" if n % 4 == 3 else f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def add_command(entry: Entry) -> list[str]:
    """Return the arguments that stage just this entry."""
    options = {"country-code": entry.country_code, "country-name": entry.country_name}
    options |= {"asn": entry.asn, "org": entry.org}
    values = [f"--{name}={value}" for name, value in options.items() if value]
    return ["add", entry.ip, f"--resolved-at={entry.resolved_at}", *values]


def as_lines(entries: Iterable[Entry]) -> str:
    """Return entries as JSON Lines for `import`."""
    return "".join(json.dumps(entry._asdict()) + "\n" for entry in entries)


def stage(path: Path, entries: Iterable[Entry]) -> None:
    """Put entries into the dirty set, as a finished import would have."""
    with open_store(str(path)) as store:
        staging = Staging(store)
        staging.pending += map(pack, entries)
        staging.commit()


def make_bangui_database(path: Path, rows: int = 100) -> None:
    """Make a database as BanGUI leaves it: its own tables, in WAL mode, with rows."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(banguis.TABLES)
        connection.executemany(
            "INSERT INTO geo_cache (ip, country_code, cached_at) VALUES (?, ?, ?)",
            [(entry.ip, entry.country_code, "2024-01-31T12:00:00Z") for entry in make_entries(rows)],
        )


def flushed_total(path: Path) -> int:
    """Return how many rows the flush job says it has moved in all."""
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        query = "SELECT flushed_total FROM job_state WHERE job_id = 'geo_cache_flush'"
        row = connection.execute(query).fetchone()
    return row[0] if row else 0


def strace(*options: str) -> list[str]:
    """Return the beginning of a command line that runs the rest under strace, quietly.

    It follows the main thread, which does all the work on the database.
    """
    return ["strace", "-qq", "-o", os.devnull, *options]


def count_calls(command: list[str], env: dict[str, str]) -> int:
    """Run a command to its end and return how often it wrote or synced."""
    log = Path(env["HOME"]) / "strace.log"
    trace = ["strace", "-qq", "-o", str(log), "-e", f"trace={STORE_CALLS}"]
    subprocess.run([*trace, *command], env=env, check=True, capture_output=True, timeout=300)
    return len(log.read_text().splitlines())


@contextlib.contextmanager
def small_disk(directory: Path, size_kib: int) -> Iterator[Path]:
    """Mount a file system of this size for the time of a test."""
    directory.mkdir(exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k,mode=700", "tmpfs", directory], check=True
    )
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)
