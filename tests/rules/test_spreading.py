"""A fleet's jobs are spread: the daily ones over the day, the frequent ones over a part of their timeout."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules.spreading import time_of_day, turn_s


@given(st.text(max_size=40), st.sampled_from(["geo_cache_cleanup", "geo_re_resolve"]))
def test_an_instance_has_one_time_of_day(instance, job_id):
    hour, minute = time_of_day(instance, job_id)

    assert 0 <= hour < 24
    assert 0 <= minute < 60
    assert time_of_day(instance, job_id) == (hour, minute)


def test_a_fleet_does_not_start_at_once():
    """A thousand hosts: no minute has more than a handful of them, no hour stands empty."""
    times = [time_of_day(f"web{number}", "geo_cache_cleanup") for number in range(1000)]

    assert max(Counter(times).values()) <= 6
    assert {hour for hour, _ in times} == set(range(24))


def test_the_jobs_of_one_instance_do_not_meet():
    assert time_of_day("web1", "geo_cache_cleanup") != time_of_day("web1", "geo_re_resolve")


def test_a_name_that_is_no_unicode_has_a_time_too():
    assert time_of_day("web\udc80", "geo_re_resolve")


@given(
    st.text(max_size=40),
    st.sampled_from(["flush", "heartbeat"]),
    st.floats(0.1, 1e5),
    st.floats(0.1, 1e5),
)
def test_a_turn_leaves_half_of_the_time_for_the_work(instance, job, timeout_s, interval_s):
    """And it is always the same: from one run of an instance to the next passes its interval."""
    turn = turn_s(instance, job, timeout_s, interval_s)

    assert 0 <= turn <= min(timeout_s, interval_s) / 2
    assert turn_s(instance, job, timeout_s, interval_s) == turn


def test_a_hundred_instances_have_their_turns_apart():
    """Of a minute's flushes no second has more than a handful, and no sixth of the time stands empty."""
    turns = [turn_s(f"web{number}", "flush", 60, 60) for number in range(100)]

    assert max(Counter(int(turn) for turn in turns).values()) <= 9
    assert {int(turn // 5) for turn in turns} == set(range(6))
