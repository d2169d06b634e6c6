"""Bans of addresses that are shown masked: counted together, by the rule of the log."""

import ipaddress
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from histories import ban, remember
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.access import reading
from bangui_cli.rules import masking
from bangui_cli.store import initialise
from bangui_cli.store.bans import EVERY_BAN

groups = st.sampled_from([0, 0, 1, 0xDB8, 0xFFFF])
ipv6 = st.tuples(st.sampled_from([1, 0x2001]), *[groups] * 7).map(
    lambda parts: str(ipaddress.ip_address(":".join(f"{part:x}" for part in parts)))
)
ipv4 = st.tuples(*[st.sampled_from([0, 1, 192, 255])] * 4).map(lambda parts: ".".join(map(str, parts)))
wide = st.tuples(ipv4, st.integers(0, 31)) | st.tuples(ipv6, st.integers(0, 127))
networks = wide.map(lambda pair: str(ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False)))


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("masked") / "bangui.db"
    initialise(str(path), journal_mode=None, force=False)
    return path


@given(ips=st.lists(ipv4 | ipv6 | networks, min_size=1, max_size=12))
def test_addresses_count_together_that_are_the_same_once_masked(database, ips):
    """A page that shows networks would else show one of them twice, and none of them whole."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM ban_history")
        remember(connection, [ban(ip, f"2026-01-01T00:00:{place:02}") for place, ip in enumerate(ips)])
        connection.commit()

    with reading.open_snapshot(str(database)) as store:
        counted = store.bans.count_by_masked_address(EVERY_BAN, 10**6)
        first = store.bans.count_by_masked_address(EVERY_BAN, 1)

    expected = Counter(masking.mask_addresses(ip) for ip in ips)
    assert counted == sorted(expected.items(), key=lambda item: (-item[1], item[0]))
    assert first == counted[:1]
