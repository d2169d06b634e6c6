"""What holds of a fleet on a server, whatever its runs met: the lock's whole history, and the entries."""

import glob
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from invariants import Ledger, check_entries
from servers import Connection

from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry

_START_S = 1_700_000_000

_COLUMNS = "ip, country_code, country_name, asn, org"

# Each change of the lock row and each change of the cache, with the transaction that made it. They are
# numbered while the row is locked, so in the order of their commits.
_RECORDERS = """
CREATE TABLE public.lock_changes (
    number bigserial PRIMARY KEY, at_s float8, transaction text, before jsonb, after jsonb);
CREATE TABLE public.cache_changes (number bigserial PRIMARY KEY, transaction text, what text);
CREATE FUNCTION public.record_lock() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO public.lock_changes (at_s, transaction, before, after)
    VALUES (extract(epoch FROM clock_timestamp()), pg_current_xact_id()::text,
            to_jsonb(OLD), to_jsonb(NEW));
    RETURN NULL;
END$$;
CREATE FUNCTION public.record_cache() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    INSERT INTO public.cache_changes (transaction, what)
    SELECT pg_current_xact_id()::text, TG_OP
     WHERE current_setting('application_name') = 'bangui' AND EXISTS (SELECT 1 FROM changed);
    RETURN NULL;
END$$;
CREATE TRIGGER recorded AFTER INSERT OR UPDATE OR DELETE ON bangui.scheduler_lock
    FOR EACH ROW EXECUTE FUNCTION public.record_lock();
CREATE TRIGGER inserted AFTER INSERT ON bangui.geo_cache REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION public.record_cache();
CREATE TRIGGER updated AFTER UPDATE ON bangui.geo_cache REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION public.record_cache();
CREATE TRIGGER deleted AFTER DELETE ON bangui.geo_cache REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION public.record_cache();
"""


_WRITERS = "SELECT transaction FROM public.cache_changes WHERE what <> 'DELETE'"


class Change(NamedTuple):
    """One change of the lock row, by the server's clock."""

    at_s: float
    transaction: str
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def is_new_lease(self) -> bool:
        return self.after["lease_id"] not in (None, self.before["lease_id"])

    @property
    def is_renewal(self) -> bool:
        return self.after["lease_id"] is not None and not self.is_new_lease


def record(connection: Connection) -> None:
    """Let a database write down what becomes of its lock and its cache."""
    connection.execute(_RECORDERS)


def read_changes(connection: Connection) -> list[Change]:
    query = "SELECT at_s, transaction, before, after FROM public.lock_changes ORDER BY number"
    return [Change(*row) for row in connection.rows(query)]


def check_lock(connection: Connection) -> list[Change]:
    """Check that at each instant there was one holder at most, and that no other wrote the cache.

    Return the changes by which a lease began. (Whoever forgets deletes without a lease.)
    """
    changes = read_changes(connection)
    for one, next_one in itertools.pairwise(changes):
        assert one.after == next_one.before, "a change of the lock is missing"
    leases = [change for change in changes if change.is_new_lease]
    ids = [change.after["lease_id"] for change in leases]
    assert len(set(ids)) == len(ids), "a lease came back after another"
    tokens = [change.after["token"] for change in leases]
    assert sorted(set(tokens)) == tokens, "a token did not rise"
    for change in leases:
        assert not _was_fresh(change), ("a live lease was taken", change)
    _check_writers(connection, changes)
    return leases


def _was_fresh(change: Change) -> bool:
    """Tell whether the lease that ended was somebody's, by the row alone, as the contract says it."""
    before, after = change.before, change.after
    if before["lease_id"] is None or before["boot_id"] != after["boot_id"]:
        return False
    age_s = after["heartbeat_at"] - before["heartbeat_at"]
    return bool(-5 <= age_s < before["heartbeat_timeout"])


def _check_writers(connection: Connection, changes: Iterable[Change]) -> None:
    """Check that whoever changed the cache renewed the lease in the same transaction."""
    renewals = {change.transaction for change in changes if change.is_renewal}
    writers = {row[0] for row in connection.rows(_WRITERS)}
    assert writers <= renewals, "the cache was written without the lease"


def read_entries(connection: Connection) -> tuple[dict[str, Entry], dict[str, Entry]]:
    """Return the cache and the dirty set by address, of one moment."""
    rows = connection.rows(
        f"SELECT false, {_COLUMNS}, cached_at FROM bangui.geo_cache"
        f" UNION ALL SELECT true, {_COLUMNS}, resolved_at FROM bangui.geo_cache_dirty"
    )
    cached = {entry[0]: Entry(*entry) for is_dirty, *entry in rows if not is_dirty}
    return cached, {entry[0]: Entry(*entry) for is_dirty, *entry in rows if is_dirty}


def check_known(
    connection: Connection,
    ledger: Ledger,
    in_flight: Iterable[Entry] = (),
    leaving_out: frozenset[str] = frozenset(),
) -> None:
    """Check that each acknowledged entry is in one place, or beaten, and that nothing else is there."""
    cached, dirty = (
        {ip: entry for ip, entry in known.items() if ip not in leaving_out}
        for known in read_entries(connection)
    )
    check_entries(cached, dirty, ledger, in_flight)


def make_entry(ip: str, serial: int) -> Entry:
    """Return an entry whole in both halves: of two, the newer one counts, whichever was staged first."""
    return Entry(
        ip, "DE", f"Land {serial}", f"AS{serial + 1}", f"Netz {serial}",
        timestamps.to_text(_START_S + serial / 100),
    )  # fmt: skip


def as_lines(entries: Iterable[Entry]) -> str:
    return "".join(json.dumps(entry._asdict()) + "\n" for entry in entries)


class SteppedClock:
    """The wall clock of a server, moved by hand: a file that libfaketime reads at each look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.set(0)
        path.chmod(0o644)

    def set(self, offset_s: float) -> None:
        draft = self._path.with_suffix(".draft")
        draft.write_text(f"{offset_s:+d}")
        draft.chmod(0o644)
        draft.replace(self._path)

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(find_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def find_library() -> str | None:
    """Return the path of libfaketime, None where it is not installed."""
    return max(glob.glob("/usr/lib/*/faketime/libfaketime.so.1"), default=None)
