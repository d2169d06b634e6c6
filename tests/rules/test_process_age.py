"""How long a process has been at it is told from what explains it, and from no clock alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules.start_up import CEILING_S, CPU_CEILING_S, LONGEST_WAIT_S, age_s

SECONDS = st.floats(-1e9, 1e9)
SPENT = st.floats(0, 100)

CASES = {
    # since fork, CPU, queued, waits, has run others: age
    "an ordinary start": (0.03, 0.02, 0.005, 0, False, 0.03),
    "a busy machine": (4.0, 0.02, 3.96, 2, False, 4.0),
    "a slow disk": (2.0, 0.03, 0.01, 60, False, 2.0),
    "a disk so slow that it counts no further": (60.0, 0.1, 0.0, 2000, False, CEILING_S),
    "a shell that slept": (30.0, 0.02, 0.01, 3, True, 0.03),
    "a shell that ran many commands": (30.0, 0.02, 0.01, 5000, True, 0.03),
    "a shell that ran a quick command": (0.05, 0.02, 0.01, 3, True, 0.05),
    "one that waited for a lock": (30.0, 0.02, 0.01, 2, False, 0.03),
    "a program that worked": (3600.0, 1800.0, 900.0, 9000, False, CPU_CEILING_S),
    "a clock behind the fork": (-1e6, 0.02, 0.01, 0, False, 0.03),
    "a clock far ahead of it": (1e6, 0.02, 0.01, 50, False, 0.03),
    "no /proc": (0.0, 0.02, 0.0, 0, True, 0.02),
}


@pytest.mark.parametrize("case", CASES)
def test_age(case):
    """What a slow machine cost is counted, what another program did before its exec is not."""
    since_fork_s, cpu_s, queued_s, waits, has_run_others, age = CASES[case]

    assert age_s(since_fork_s, cpu_s, queued_s, waits, has_run_others=has_run_others) == pytest.approx(
        age
    )


@given(SECONDS, SPENT, SPENT, st.integers(0, 1000), st.booleans())
def test_a_clock_alone_adds_no_more_than_one_short_wait(since_fork_s, cpu_s, queued_s, waits, others):
    """Whatever the clock of the fork says, the rest has to be explained by time on a CPU, in its queue, or in waits."""
    age = age_s(since_fork_s, cpu_s, queued_s, waits, has_run_others=others)
    explained_s = cpu_s + queued_s + LONGEST_WAIT_S * (1 if others else 1 + waits)

    assert 0 <= age <= explained_s + 1e-9


@given(SECONDS, SECONDS, SPENT, SPENT, st.integers(0, 1000), st.booleans())
def test_two_clocks_that_cannot_be_right_agree(one_s, other_s, cpu_s, queued_s, waits, others):
    """Before the fork, or so far after it that nothing explains it: neither counts."""
    wrong_s = [-abs(one_s), abs(other_s) + 1e5]
    ages = [age_s(each_s, cpu_s, queued_s, waits, has_run_others=others) for each_s in wrong_s]

    assert ages[0] == ages[1]
