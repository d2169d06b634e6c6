"""A fleet's daily jobs are spread over the day, each always at the same time."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules.spreading import time_of_day


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
