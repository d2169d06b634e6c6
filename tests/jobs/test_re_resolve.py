"""What the cache holds without a country, or from files that are older than today's, is looked up again."""

import os

import pytest
from geoip import country, write_mmdb
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.host import clocks
from bangui_cli.resolving.freshness import up_to_date
from bangui_cli.rules import timestamps
from bangui_cli.rules.entry import Entry

DAY_S = 86400
JOB = "SELECT last_outcome, last_count, runs_total, instance FROM job_state WHERE job_id = 'geo_re_resolve'"


@pytest.fixture
def mmdb(bangui):
    path = write_mmdb(bangui.home / "country.mmdb", {"192.0.2.0/24": country("FR", "France")})
    bangui.environment["BANGUI_GEOIP_DB_PATH"] = str(path)
    return path


def _cache(bangui, ip, code, days):
    time = timestamps.to_text(clocks.wall_s() - days * DAY_S)
    bangui.execute(
        "INSERT INTO geo_cache (ip, country_code, cached_at) VALUES (?, ?, ?)", ip, code, time
    )


def _staged(bangui):
    return dict(bangui.rows("SELECT ip, country_code FROM geo_cache_dirty"))


def test_what_is_out_of_date_is_staged(bangui, mmdb):
    """Without a country after a day, or once a file is newer; with one past its age alone."""
    for ip, code, days in [
        ("192.0.2.1", "DE", 31), ("192.0.2.2", "DE", 29), ("192.0.2.3", None, 2), ("192.0.2.4", "", 0.5),
        ("192.0.2.5", None, -0.01), ("198.51.100.1", "DE", 400), ("2001:DB8::1", "", 3),
    ]:  # fmt: skip
        _cache(bangui, ip, code, days)

    told = bangui.ok("resolve", "--cached", "--json", "-v")

    assert _staged(bangui) == {
        "192.0.2.1": "FR", "192.0.2.3": "FR", "192.0.2.4": "FR", "198.51.100.1": None, "2001:db8::1": None,
    }  # fmt: skip
    counts = {key: told.json[key] for key in ("job", "outcome", "read", "staged", "resolved")}
    assert counts == {"job": "geo_re_resolve", "outcome": "ok", "read": 7, "staged": 5, "resolved": 3}
    assert ("lock" in told.json, told.event_names) == (False, ["geo_re_resolve_ran"])
    assert bangui.rows(JOB) == [("ok", 5, 1, "web1")]
    assert bangui.rows("SELECT * FROM scheduler_lock") == []


@pytest.mark.parametrize(
    "text", ["1", "0x7f.1", "fe80::1%lo", "1.2.3.400", " 192.0.2.1", "unknown", "::\n::"]
)
def test_what_is_cached_and_no_address_is_passed_over(bangui, mmdb, text):
    """Another program wrote it. It would end each run, or get into the dirty set past its CHECKs."""
    _cache(bangui, text, None, 400)
    _cache(bangui, "192.0.2.3", None, 400)

    bangui.ok("resolve", "--cached")

    assert _staged(bangui) == {"192.0.2.3": "FR"}
    assert bangui.rows("PRAGMA quick_check") == [("ok",)]


def test_an_answer_without_a_country_erases_none(bangui, mmdb):
    """The flush decides by the one rule; and the next run has nothing to do."""
    _cache(bangui, "198.51.100.1", "DE", 400)
    bangui.ok("resolve", "--cached")
    bangui.ok("flush")

    assert bangui.rows("SELECT country_code FROM geo_cache") == [("DE",)]


def test_old_entries_stay_while_no_file_is_newer(bangui, mmdb):
    """The same files would say the same; --max-age 0 asks them all the same."""
    _cache(bangui, "192.0.2.1", "DE", 400)
    long_ago_s = clocks.wall_s() - 500 * DAY_S
    content = mmdb.read_bytes()
    # Behind the name a byte with the size, and one with the type, of a number of many bytes.
    at = content.rindex(b"build_epoch") + len(b"build_epoch")
    size, start = content[at] & 0x1F, at + 2
    mmdb.write_bytes(content[:start] + int(long_ago_s).to_bytes(size, "big") + content[start + size :])
    os.utime(mmdb, (long_ago_s, long_ago_s))

    assert bangui.ok("resolve", "--cached", "--json").json["staged"] == 0
    assert bangui.ok("resolve", "--cached", "--max-age", "0", "--json").json["staged"] == 1


def test_what_a_fresh_dirty_row_tells_is_not_asked_again(bangui, mmdb):
    """It only waits for its flush."""
    _cache(bangui, "192.0.2.1", None, 400)
    bangui.ok("resolve", "--cached")
    os.utime(mmdb, (1, 1))

    told = bangui.ok("resolve", "--cached", "--json").json

    assert (told["read"], told["staged"]) == (1, 0)


def test_it_stands_alone(bangui, mmdb):
    """What is cached is another job's than what is banned."""
    assert bangui.run("resolve", "--cached", "192.0.2.1").code == 2
    assert bangui.run("resolve", "--cached", "--fail2ban").code == 2


def test_without_a_file_the_failure_is_the_job_s(bangui):
    """And it is recorded, so that `status` shows a job that has never succeeded."""
    bangui.environment["BANGUI_GEOIP_DB_PATH"] = str(bangui.home / "missing.mmdb")

    ended = bangui.run("resolve", "--cached", "--json")

    assert (ended.code, ended.json["outcome"], ended.event_names) == (
        66,
        "error",
        ["geo_re_resolve_error"],
    )
    assert bangui.rows(JOB) == [("error", 0, 1, "web1")]
    job = bangui.ok("status", "--format", "json").json["jobs"]["geo_re_resolve"]
    assert (job["last_outcome"], job["failures_total"], job["consecutive_failures"]) == ("error", 1, 1)
    assert bangui.run("resolve", "--cached", "--database", bangui.home / "none.db").code == 66


@given(
    st.sampled_from([None, "DE"]),
    st.floats(0, 400),
    st.floats(0, 400),
    st.sampled_from([0.0, DAY_S, 30 * DAY_S]),
)
def test_the_rule_is_the_contracts(code, age_days, file_days, max_age_s):
    """With a country: too old, and older than a file. Without: a day old, or older than a file."""
    now_s = 1_790_000_000.0
    resolved_s, made_s = now_s - round(age_days * DAY_S), now_s - round(file_days * DAY_S)
    entry = Entry("192.0.2.1", code, None, None, None, timestamps.to_text(resolved_s))

    holds = up_to_date(max_age_s, [made_s], now_s).holds(entry)

    is_behind_file, age_s = resolved_s <= made_s, now_s - resolved_s
    if not max_age_s:
        assert not holds
    elif code:
        assert holds != (age_s >= max_age_s and is_behind_file)
    else:
        assert holds != (age_s >= min(DAY_S, max_age_s) or is_behind_file or age_s >= max_age_s)
