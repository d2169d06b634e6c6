"""Both engines hold the same after the same: random operations are run on both, and all is compared."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import connect
from test_both_engines import FLUSH, entry, known, move, stage, sweep, take, verdict

from bangui_cli.access import locking
from bangui_cli.states.errors import LockHeld
from bangui_cli.store import JobFinish, JobStart, Store, initialise, open_store

IPS = ["192.0.2.1", "192.0.2.10", "192.0.2.9", "2001:db8::1", "2001:db8::a"]
TIMES = [f"2026-01-01T1{hour}:00:00.000Z" for hour in range(4)] + ["2099-01-01T00:00:00.000Z"]
NETWORKS = [(None, None), ("AS1", None), (None, "Öffentliche Ämter"), ("AS2", "two")]
ENTRIES = st.builds(
    lambda ip, code, network, time: entry(ip, code, time)._replace(asn=network[0], org=network[1]),
    st.sampled_from(IPS), st.sampled_from([None, "DE", "FR"]), st.sampled_from(NETWORKS),
    st.sampled_from(TIMES),
)  # fmt: skip
INSTANCES = st.sampled_from(["web1", "web2"])
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("stage"), st.lists(ENTRIES, min_size=1, max_size=6)),
        st.tuples(st.just("take"), INSTANCES),
        st.tuples(st.just("end"), INSTANCES),
        st.tuples(st.just("release"), INSTANCES),
        st.tuples(st.just("sweep"), st.integers(1, 4)),
        st.tuples(st.just("batch"), st.integers(1, 4)),
        st.tuples(st.just("fail"), st.sampled_from(["error", "timeout"])),
        st.tuples(st.just("record"), INSTANCES),
    ),
    max_size=12,
)


def act(store: Store, lease_ids: dict[str, str], name: str, value: Any) -> Any:
    """Do one of the operations; return what can be compared of its answer."""
    lease_id = lease_ids.get("last", "none")
    match name:
        case "stage":
            return stage(store, *value)
        case "take" | "end":
            holding = take(store, value, ends=name == "end")
            lease_ids["last"] = holding.lease_id
            return holding.judgement.outcome, holding.token
        case "release":
            released = locking.release(store, value, lease_id=None, force=False)
            return released and (released["owner"], released["token"])
        case "sweep":
            locking.release(store, "web1", lease_id=None, force=True)
            lease_ids["last"] = take(store).lease_id
            return sweep(store, value)
        case "batch":
            batch = move(store, lease_id, "192.0.2.1", value)
            return batch and batch[:2]
        case "fail":
            return store.record_finish(lease_id, JobFinish(FLUSH, "late", value, None, 1.5))
        case _:
            start = JobStart("history_sync", "alone", 0, 0.1, value)
            return store.record_run(start, JobFinish("history_sync", "alone", "ok", 3, 0.5, value))


def answers(store: Store, operations: list[tuple[str, Any]]) -> list[Any]:
    lease_ids: dict[str, str] = {}
    said = []
    for name, value in operations:
        try:
            said.append(act(store, lease_ids, name, value))
        except LockHeld as error:
            said.append((error.fields["owner"], error.fields["token"]))
    return said


def content(store: Store) -> Any:
    """Return what the verbs tell of everything, but for moments of now."""
    jobs = [(FLUSH, ""), ("history_sync", "web1"), ("history_sync", "web2")]
    with store.snapshot():
        states = [store.job_state(*job) for job in jobs]
        counts = store.count_cache_rows(), store.count_dirty_rows(), store.oldest_dirty()
        reports = [sorted(store.count_by(key), key=str) for key in ("country", "asn", "org")]
    for state in states:
        for key in [key for key in state if key.endswith("_at")]:
            state[key] = state[key] is not None
    return known(store, *IPS), counts, reports, states, verdict(store), verdict(store, "web2")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, server: Any) -> tuple[Path, str]:
    """Give a file and a database of a server."""
    return tmp_path_factory.mktemp("pair") / "pair.db", server.make_database()


@contextmanager
def emptied(file: Path, url: str) -> Iterator[list[Store]]:
    file.unlink(missing_ok=True)
    connect(url).execute("DROP SCHEMA IF EXISTS bangui CASCADE")
    for database in (str(file), url):
        initialise(database, journal_mode=None, force=False)
    with ExitStack() as opened:
        yield [opened.enter_context(open_store(database)) for database in (str(file), url)]


@given(operations=OPERATIONS)
@settings(max_examples=50)
def test_random_operations_leave_and_answer_the_same(operations, pair):
    """Whoever moves to a server finds there what a file would have held."""
    with emptied(*pair) as (file, on_server):
        assert answers(on_server, operations) == answers(file, operations)
        assert content(on_server) == content(file)
