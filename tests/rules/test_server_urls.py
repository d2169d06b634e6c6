"""An address is shown without its password, and with all else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules.server_urls import has_password, shown

OPEN = [
    "postgresql://db.example.net:5432/bangui",
    "postgresql://user@db.example.net:5432/bangui?options=a@b",
    "postgresql://db.example.net:5432/bangui?application_name=web1@fleet&sslmode=require",
    "postgresql://user@[2001:db8::1]:5432,b:1,c/bangui?options=a:b@c",
    "postgresql://user@/bangui?host=/run/@x&port=5432",
    "postgresql://?service=bangui",
    "/var/lib/bangui:a@b",
]


@pytest.mark.parametrize("address", OPEN)
def test_what_has_no_password_is_shown_whole(address: str):
    """Also with an @ behind a port: `schedule install` would refuse it for a password that it has not."""
    assert shown(address) == address
    assert not has_password(address)


CLOSED = [
    ("postgresql://a:geheim@h:5432/d?options=x@y", "postgresql://a:***@y"),
    ("postgresql://a:geheim@h/d", "postgresql://a:***@h/d"),
    ("postgresql://a:ge/heim@h/d", "postgresql://a:***@h/d"),
    ("postgresql://a:ge?heim@h/d", "postgresql://a:***@h/d"),
    ("postgresql://a:1?x=2@h/d", "postgresql://a:***@h/d"),
    ("postgresql://a:1/2?3@h/d", "postgresql://a:***@h/d"),
    ("postgresql://a:1/2?x=3@h/d", "postgresql://a:***@h/d"),
    ("postgresql://a:geheim@h:1/d?options=x@y&password=geheim", "postgresql://a:***@y&password=***"),
    (
        "postgresql://h/d?options=a@b&sslpassword=ge&heim?x",
        "postgresql://h/d?options=a@b&sslpassword=***",
    ),
    ("postgresql://h/d?pass%77ord=geheim&x=1", "postgresql://h/d?pass%77ord=***"),
    ("postgresql://h?passwd=ge?heim", "postgresql://h?passwd=***"),
    ("postgresql://h:1/d?password=geheim", "postgresql://h:1/d?password=***"),
    (" \tpostgresql://a:geheim@h/d", " \tpostgresql://a:***@h/d"),
    ("\npostgres:a:geheim@h/d", "\npostgres:***@h/d"),
    ("'postgresql://a:geheim@h/d'", "'postgresql://a:***@h/d'"),
    ('"Postgresql://h/d?password=geheim"', '"Postgresql://h/d?password=***'),
    ("postgresql://h:1/d?options=a@b&password=geheim", "postgresql://h:1/d?options=a@b&password=***"),
]


@pytest.mark.parametrize(("address", "told"), CLOSED)
def test_a_password_is_hidden_wherever_it_stands(address: str, told: str):
    """Rather too much than a part of it."""
    assert shown(address) == told
    assert has_password(address)


@given(
    st.text("abc/?@:%&=#,[]{}", max_size=9), st.text("/?@:%&=#,[]", max_size=9),
    st.sampled_from(["", "?options=a@b", "?host=1&y=a:b@c"]),
)  # fmt: skip
def test_no_letter_of_a_password_is_shown(before: str, after: str, query: str):
    """Whatever stands in it where it is to be percent-encoded."""
    assert "Geheim" not in shown(f"postgresql://user:{before}Geheim{after}@host:5432/name{query}")


@given(st.text("abc/?@:%&=#,[]{}", max_size=9), st.sampled_from(["", "options=a@b&", "host=1&y=a:b@c&"]))
def test_no_letter_of_a_password_among_the_options_is_shown(before: str, options: str):
    """Whatever stands before it, or in it."""
    assert "Geheim" not in shown(f"postgresql://user@host:1/name?{options}password=x{before}Geheim")
