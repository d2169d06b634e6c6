"""Rows that BanGUI has cached in another spelling are found and replaced, not doubled."""

import ipaddress
import sqlite3
from contextlib import closing

import banguis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import timestamps
from bangui_cli.store.sqlite import entry_statements as sql
from bangui_cli.store.sqlite.foreign_rows import is_spelt_otherwise

INSERT = "INSERT INTO geo_cache (ip, country_code, asn, cached_at) VALUES (?, ?, ?, ?)"
CACHED = "SELECT ip, country_code, asn, cached_at FROM geo_cache ORDER BY ip"
OLD, NEW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00.000Z"

SPELLINGS = [
    ("2001:DB8::1", "2001:db8::1"),
    ("2001:db8:0:0:0:0:0:2", "2001:db8::2"),
    ("2001:0db8::3", "2001:db8::3"),
    ("2001:0DB8:0000:0000:0000:0000:0000:0004", "2001:db8::4"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("::FFFF:192.0.2.2", "192.0.2.2"),
    ("::ffff:c000:203", "192.0.2.3"),
    ("0:0:0:0:0:ffff:192.0.2.4", "192.0.2.4"),
]


@pytest.fixture(params=["adopted", "new", "without the index"])
def cache(request, bare):
    """Make a database that BanGUI writes into: one of its own, or ours."""
    if request.param == "adopted":
        with closing(sqlite3.connect(bare.database)) as connection:
            connection.executescript(banguis.TABLES)
    bare.ok("init")
    if request.param == "without the index":
        bare.execute("DROP INDEX geo_cache_other_spellings")
    return bare


@pytest.mark.parametrize("spellings", [SPELLINGS[:1], SPELLINGS], ids=["one", "all"])
def test_a_row_of_another_spelling_is_found_and_replaced(cache, spellings):
    """An old row and a new one of the same address would be two answers to one question."""
    ips = [ip for _, ip in spellings]
    for spelling, _ in spellings:
        cache.execute(INSERT, spelling, "FR", "AS1", OLD)

    found = cache.ok("lookup", *ips, "--json").json
    assert [(row["ip"], row["state"], row["country_code"]) for row in found] == [
        (ip, "cached", "FR") for ip in ips
    ]

    for ip in ips:
        cache.ok("add", ip, "--country-code=DE", "--resolved-at", NEW)
    assert cache.ok("flush", "--json").json["flushed"] == len(ips)

    assert cache.rows(CACHED) == sorted((ip, "DE", "AS1", NEW) for ip in ips)
    assert cache.rows("PRAGMA integrity_check") == [("ok",)]


def test_the_rule_decides_between_all_rows_of_an_address(cache):
    """Two spellings in the cache and one that is staged: of each half the newest that is known."""
    cache.execute(INSERT, "2001:DB8::1", "FR", None, "2026-01-03T00:00:00Z")
    cache.execute(INSERT, "2001:db8:0::1", None, "AS1", OLD)
    cache.execute(INSERT, "2001:db8::1", "", "AS2", "2026-01-01 12:00:00")
    cache.ok("add", "2001:db8::1", "--country-code=DE", "--resolved-at", NEW)
    (before,) = cache.ok("lookup", "2001:db8::1", "--json").json
    cache.ok("flush")

    assert cache.rows(CACHED) == [("2001:db8::1", "FR", "AS2", "2026-01-03T00:00:00Z")]
    assert before == cache.ok("lookup", "2001:db8::1", "--json").json[0]


def test_a_row_of_another_spelling_stays_until_its_address_is_flushed(cache):
    """It is BanGUI's; and what is no address at all, or is spelt as ever, is nobody's business."""
    rows = [("2001:DB8::1", "FR", None, OLD), ("2001:db8::2", "FR", None, OLD),
            ("fe80::1%eth0", "FR", None, OLD), ("nonsense: x", "FR", None, OLD)]  # fmt: skip
    for row in rows:
        cache.execute(INSERT, *row)
    cache.ok("add", "2001:db8::3", "--country-code=DE", "--resolved-at", NEW)
    cache.ok("flush", "--batch-size", "1")

    assert cache.rows(CACHED) == sorted([*rows, ("2001:db8::3", "DE", None, NEW)])
    assert cache.run("lookup", "2001:db8::4").code == 1


def test_a_report_counts_each_address_once(cache):
    """Under its normal form and the country that counts for it."""
    for ip, code in [("2001:DB8::1", "fr"), ("2001:db8::1", "DE"), ("2001:DB8::2", "uk"),
                     ("192.0.2.1", "FR"), ("192.0.2.2", ""), ("192.0.2.3", "XX")]:  # fmt: skip
        cache.execute(INSERT, ip, code, None, OLD if code == "fr" else NEW)

    report = cache.ok("report", "--format=json").json

    assert [(row["key"], row["name"], row["count"]) for row in report["rows"]] == [
        ("DE", "Germany", 1), ("FR", "France", 1), ("GB", "United Kingdom", 1),
    ]  # fmt: skip
    assert (report["total"], report["unknown"]) == (5, 2)
    assert cache.ok("status", "--format=json").json["cache"] == {"rows": 6, "unresolved": 2}


@st.composite
def spelt_addresses(draw):
    """Write an IPv6 address in one of the many ways."""
    groups = draw(st.lists(st.sampled_from([0, 0, 0, 1, 0xDB8, 0xFFFF, 0xA]), min_size=8, max_size=8))
    texts = [
        draw(st.sampled_from(["{:x}", "{:X}", "{:04x}", "{:02x}"])).format(group) for group in groups
    ]
    start = draw(st.integers(0, 7))
    end = draw(st.integers(start, 8))
    if end > start and not any(groups[start:end]):
        return ":".join(texts[:start]) + "::" + ":".join(texts[end:])
    return ":".join(texts)


@given(spelt_addresses())
def test_every_other_spelling_is_in_the_index(text):
    """What the index misses would be doubled by a flush."""
    address = ipaddress.ip_address(text)
    normal = str(address.ipv4_mapped or address)
    with closing(sqlite3.connect(":memory:")) as connection:
        query = f"SELECT {is_spelt_otherwise('ip')} FROM (SELECT ? AS ip)"
        spelt_otherwise, of_normal = (
            connection.execute(query, (ip,)).fetchone()[0] for ip in (text, normal)
        )

    assert spelt_otherwise or text == normal
    # A wrong alarm costs time alone: two runs of zeros, what looks like IPv4, "::" beside six groups.
    assert not of_normal or "0:0" in normal or normal.startswith("::ffff:") or normal.count(":") == 7


@pytest.mark.parametrize("statement", ["OTHER_SPELLINGS", "FIND_OTHER_SPELLINGS"])
def test_the_index_finds_them_without_a_look_at_the_cache(bangui, statement):
    """A cache of a million rows costs a flush of one row nothing."""
    with closing(bangui.connect()) as connection:
        connection.create_function("normal_time", 1, timestamps.normal_text, deterministic=True)
        plan = connection.execute(f"EXPLAIN QUERY PLAN {getattr(sql, statement)}").fetchall()

    assert "geo_cache_other_spellings" in str(plan)
