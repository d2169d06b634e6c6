"""A ban in normal form, whatever fail2ban's database holds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import ban
from bangui_cli.rules.ban import Ban
from bangui_cli.rules.validation import Rejected

AT = b"2026-01-02T03:04:05.000Z"


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ((b"sshd", b"192.0.2.1", AT, 600, 2, 5), Ban("sshd", "192.0.2.1", AT.decode(), 600, 2, 5)),
        (
            (b"sshd", b"192.0.2.1", AT, -2, None, b"5"),
            Ban("sshd", "192.0.2.1", AT.decode(), -2, 1, None),
        ),
        (
            (b"a\0\xff", b"::1", AT, b"1h", b"x", 1.5),
            Ban("a\ufffd\ufffd", "::1", AT.decode(), -2, 1, None),
        ),
        (
            (b"sshd", b"192.0.2.1", AT, 1205.80574296786, 2, 5),
            Ban("sshd", "192.0.2.1", AT.decode(), 1205, 2, 5),
        ),
        (
            (b"sshd", b"192.0.2.1", AT, math.inf, 1, 5),
            Ban("sshd", "192.0.2.1", AT.decode(), -2, 1, 5),
        ),
    ],
)
def test_a_row_is_kept_for_what_can_be_read_of_it(raw, kept):
    """A bantime that is no number is unknown, as fail2ban's own -2."""
    assert ban.normalise(raw) == kept


@pytest.mark.parametrize(
    "raw",
    [
        (None, b"192.0.2.1", AT, 600, 1, 5),
        (b"sshd", None, AT, 600, 1, 5),
        (b"sshd", b"example.org", AT, 600, 1, 5),
        (b"sshd", b"192.0.2.1/33", AT, 600, 1, 5),
        (b"sshd", b"192.0.2.1", None, 600, 1, 5),
        (b"sshd", b"192.0.2.1", b"-4713-11-24T12:00:00.000Z", 600, 1, 5),
        (b"sshd", b"192.0.2.1", b"-027-08-11T08:00:00.000Z", 600, 1, 5),
        (b"sshd", b"192.0.2.1", b"1969-12-31T23:59:55.000Z", 600, 1, 5),
    ],
)
def test_what_has_no_place_or_no_time_is_no_ban(raw):
    """It is skipped, and counted."""
    with pytest.raises(Rejected):
        ban.normalise(raw)


anything = st.none() | st.integers() | st.floats() | st.binary()


@given(st.tuples(*[anything] * 6))
def test_any_row_is_a_ban_or_rejected(raw):
    """A log line says what an attacker likes."""
    try:
        kept = ban.normalise(raw)
    except Rejected:
        return
    assert all(type(value) in (str, int, type(None)) for value in kept)


@given(
    st.lists(
        st.builds(
            Ban,
            st.sampled_from(["sshd", "web"]),
            st.sampled_from(["192.0.2.1", "192.0.2.2"]),
            st.sampled_from(["2026-01-02T03:04:05.000Z", "2026-01-02T03:04:06.000Z"]),
            bantime_s=st.integers(0, 9),
            bancount=st.just(1),
            failures=st.none() | st.just(1),
        ),
        max_size=6,
    )
)
def test_each_ban_is_there_once_and_the_later_counts(bans):
    """In the order of their addresses, in which they are written fastest."""
    once = ban.each_once(bans)

    assert {each[:3]: each for each in bans} == {each[:3]: each for each in once}
    assert len(once) == len({each[:3] for each in bans})
    assert [each.ip for each in once] == sorted(each.ip for each in once)
