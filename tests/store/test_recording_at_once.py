"""Bans that a collect records while another session of a server does something about the same ones."""

import json
import threading

import pytest
from conftest import wait_until
from servers import OnServer, connect
from test_history_in_partitions import IN_PARTITIONS

from bangui_cli.rules.ban import Ban
from bangui_cli.store import open_memory
from bangui_cli.store.memory import Recorded
from bangui_cli.store.postgresql.handover_statements import KEEP_BANS

IPS = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
AT = "2026-02-10T00:00:00.000Z"


def ban(ip: str, bantime_s: int = 600) -> Ban:
    return Ban("sshd", ip, AT, bantime_s, 1, None)


def keep(*bans: Ban) -> tuple[str, dict[str, str]]:
    """Return what an `import --history` sends of bans."""
    return KEEP_BANS, {"bans": json.dumps([("web1", *one) for one in bans])}


def forget(ip: str) -> tuple[str, dict[str, str]]:
    return "DELETE FROM bangui.ban_history WHERE ip = %(ip)s", {"ip": ip}


@pytest.mark.parametrize("table", ["whole", "in partitions"])
@pytest.mark.parametrize(
    ("before", "meanwhile", "recorded"),
    [
        ([], keep(ban(IPS[0])), Recorded(new=2, changed=0)),
        ([], keep(ban(IPS[0], 60), ban(IPS[1], 60)), Recorded(new=1, changed=2)),
        ([ban(IPS[0], 60), ban(IPS[1])], forget(IPS[0]), Recorded(new=2, changed=0)),
        ([ban(IPS[0], 60), ban(IPS[1])], keep(ban(IPS[0])), Recorded(new=1, changed=0)),
    ],
    ids=["the same", "another length", "forgotten", "corrected"],
)
def test_a_ban_is_new_to_who_has_recorded_it_first(
    on_server: OnServer, table, before, meanwhile, recorded
):
    """A statement sees the history as it was when it began, before it waited for another session."""
    if table == "in partitions":
        on_server.execute(IN_PARTITIONS)
    on_server.connect().execute(*keep(*before))
    other = connect(on_server.url)
    other.raw.autocommit = False
    other.execute(*meanwhile)

    collected: list[Recorded | None] = []
    with open_memory(on_server.url) as store:
        store.require_schema()
        bans = [ban(ip) for ip in IPS]
        run = threading.Thread(
            target=lambda: collected.append(store.record_bans("web1", bans, None, "1"))
        )
        run.start()
        wait_until(lambda: on_server.count_waiting() == 1)
        other.raw.commit()
        run.join()
    other.raw.close()

    assert collected == [recorded]
    assert on_server.rows("SELECT DISTINCT bantime_s, count(*) OVER () FROM bangui.ban_history") == [
        (600, 3)
    ]
