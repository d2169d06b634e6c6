"""What a server says by its code is told as the state that it is, whatever the language of its words."""

import re

import pytest

from bangui_cli.states.errors import BanguiError
from bangui_cli.store.postgresql import address, faults
from bangui_cli.store.postgresql.wire import Fault, Unconnectable

WHERE = address.parse("postgresql://bangui:geheim@db.example.net/bangui")
CODES = {
    "53100": 74, "58030": 74, "53300": 75, "55P03": 75, "40P01": 75, "40001": 75, "53200": 69, "53400": 69,
    "57P01": 69, "57P02": 69, "57P03": 69, "57014": 69, "08006": 69, "28P01": 77, "28000": 77, "42501": 77,
    "25006": 77, "3D000": 66, "3F000": 66, "42P01": 66, "42703": 66, "22001": 65, "23514": 65, "XX001": 65,
    "XX002": 65, "XX000": 69,
}  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_state_and_a_hint_for_a_server(code: str):
    """None that says what helps with a file, and no password."""
    state = faults.translate(Fault(code, 'Kein Platz für "geheim"'), WHERE)

    assert isinstance(state, BanguiError)
    assert state.exit_code == CODES[code]
    assert code in state.error
    assert "geheim" not in state.error + state.hint
    assert not re.search(r"ls -l|sqlite3|fuser|\bFILE\b", state.hint)


def test_a_lost_connection_without_a_code_is_one():
    """As libpq tells of a server that was killed."""
    state = faults.translate(Fault(None, "server closed the connection", is_lost=True), WHERE)

    assert isinstance(state, BanguiError)
    assert state.exit_code == 69


@pytest.mark.parametrize(
    ("words", "was_asked", "exit_code"),
    [("could not translate host name", False, 69), ("definition of service not found", False, 78),
     ("invalid port number", False, 78), ("Connection refused", True, 69), ("no password supplied", True, 77)],
)  # fmt: skip
def test_what_libpq_says_of_an_address_is_told_from_what_it_says_of_the_way(words, was_asked, exit_code):
    """One is to be corrected, the other to be tried again."""
    state = faults.translate(Unconnectable(None, words, was_asked=was_asked), WHERE)

    assert isinstance(state, BanguiError)
    assert state.exit_code == exit_code


@pytest.mark.parametrize(
    ("fault", "is_blamed"),
    [(Unconnectable(None, "no password supplied", was_asked=True), True),
     (Fault("28P01", 'password authentication failed for user "bangui"'), False),
     (Fault("28000", "pg_hba.conf rejects connection"), False)],
)  # fmt: skip
def test_a_pass_file_that_is_not_used_is_blamed_where_a_password_is_missing(fault, is_blamed):
    """Else who is refused for another reason would look for it in the wrong place."""
    where = WHERE._replace(unused=("/root/.pgpass", "has mode 0644"))
    state = faults.translate(fault, where)

    assert isinstance(state, BanguiError)
    assert state.exit_code == 77
    assert ("/root/.pgpass" in state.error) is is_blamed


def test_a_code_that_nothing_foresaw_is_a_bug():
    """It is not called something that it is not."""
    fault = Fault("42601", "syntax error")

    assert faults.translate(fault, WHERE) is fault
