"""What a run on a server costs at most: round trips, and the memory of the client."""

import json
from pathlib import Path

import pytest
from peaks import peak_mib
from relays import Relay, open_relay
from servers import OnServer, connect

ROWS = 100_000


@pytest.mark.parametrize(("command", "most"), [("heartbeat", 3), ("flush", 5)])
def test_a_round_trip_is_not_wasted(on_server: OnServer, command: str, most: int):
    """Once it is connected: at a distance they are what a run takes."""
    on_server.execute("ALTER ROLE postgres PASSWORD 'relayed'")
    with open_relay(on_server.server) as relay:
        far = f"postgresql://postgres:relayed@{relay.address}/{on_server.name}"
        connecting = trips(relay, lambda: connect(far))

        ours = trips(relay, lambda: on_server.ok(command, env={"BANGUI_DATABASE_PATH": far}))

    assert connecting
    assert connecting < ours <= connecting + most


def trips(relay: Relay, work) -> int:
    before = relay.round_trips
    work()
    return relay.round_trips - before


@pytest.fixture
def cache(on_server: OnServer) -> Path:
    """Return a file of many rows that the server holds, dirty, with a history of as many bans."""
    rows = (
        {
            "ip": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
            "country_code": "DE",
            "asn": n + 1,
            "org": f"Org {n}",
        }
        for n in range(ROWS)
    )
    path = on_server.home / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_the_memory_of_a_client_does_not_grow_with_the_rows(on_server: OnServer, cache: Path):
    """What the driver holds is a batch or a page, however much there is: 40 MiB at most."""
    peaks = {"import": peak_mib(on_server, "import", cache)}
    on_server.execute(
        "INSERT INTO bangui.ban_history SELECT 'web1', 'sshd', ip, '2026-01-01T00:00:00.000Z', 600, 1, 5"
        " FROM bangui.geo_cache_dirty"
    )
    copy = on_server.home / "copy"
    for command in (["flush"], ["export", "cache", "--output", copy], ["export", "history", "--output", copy],
                    ["report", "--history", "--by", "country"]):  # fmt: skip
        peaks[" ".join(map(str, command[:2]))] = peak_mib(on_server, *command)

    assert {code for code, _ in peaks.values()} == {0}
    assert max(mib for _, mib in peaks.values()) <= 40, peaks
