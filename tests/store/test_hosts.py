"""Names are resolved before libpq sees them, in the order in which it would try them."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.host import clocks
from bangui_cli.host.deadline import Deadline
from bangui_cli.store.postgresql import hosts
from bangui_cli.store.postgresql.hosts import Unresolved

KNOWN = {"one": ["192.0.2.1"], "two": ["2001:db8::1", "192.0.2.2"]}


def look(host: str) -> list[str]:
    try:
        return KNOWN[host]
    except KeyError:
        raise OSError(-2, "Name or service not known") from None


@pytest.mark.parametrize(
    ("host", "is_name"),
    [("db.example.net", True), ("192.0.2.1", False), ("2001:db8::1", False), ("fe80::1%eth0", False),
     ("/var/run", False), ("@abstract", False), ("", False), ("10.example", True)],
)  # fmt: skip
def test_only_names_are_looked_up(host: str, is_name: bool):
    """An address needs nobody, and a socket has none."""
    assert hosts.is_name(host) is is_name


def test_each_address_of_each_host_has_its_turn():
    """With the port that belongs to the host; a name without an address is passed over."""
    asked = ["two", "192.0.2.9", "none", "/run", "one"], ["1", "2", "3", "4", "5"]

    assert hosts.addressed(*asked, look) == {
        "host": "two,two,192.0.2.9,/run,one",
        "hostaddr": "2001:db8::1,192.0.2.2,,,192.0.2.1",
        "port": "1,1,2,4,5",
    }


def test_where_no_name_has_an_address_it_says_why():
    """In libpq's own words, by which the state is told."""
    with pytest.raises(Unresolved, match='could not translate host name "none" to address: Name or'):
        hosts.addressed(["none"], [""], look)


@given(st.lists(st.sampled_from(["one", "two", "/run", "", "192.0.2.9"]), min_size=1, max_size=4))
def test_hosts_addresses_and_ports_stay_side_by_side(names: list[str]):
    """Else one host would be asked for under the name of another, which its certificate would not bear."""
    ports = [str(5000 + number) for number in range(len(names))]
    found = {key: value.split(",") for key, value in hosts.addressed(names, ports, look).items()}
    rows = list(zip(found["host"], found["hostaddr"], found["port"], strict=True))

    assert rows == [
        (name, address, port)
        for name, port in zip(names, ports, strict=True)
        for address in KNOWN.get(name, [""])
    ]


@pytest.mark.parametrize(
    "options",
    [{"host": "/run"}, {"host": "192.0.2.1"}, {"dbname": "d"}, {"host": "one", "hostaddr": "192.0.2.7"},
     {"host": "one,two,one", "port": "1,2"}],
)  # fmt: skip
def test_what_needs_no_name_is_left_to_libpq(options: dict[str, str]):
    """As what it will refuse."""
    patience = Deadline(clocks.monotonic_s() + 10, TimeoutError())

    assert hosts.resolve(options, patience) == options


def test_a_name_that_nobody_answers_for_costs_half_of_the_time_where_another_has_an_address():
    """Of two servers in two zones one zone may be out of reach."""
    asked, ended = threading.Event(), threading.Event()

    def look_or_hang(host: str) -> list[str]:
        if host != "one":
            asked.set()
            ended.wait(20)
        return KNOWN["one"]

    patience = Deadline(clocks.monotonic_s() + 4, TimeoutError())
    found = hosts.resolve({"host": "hangs,one", "port": "1,2"}, patience, look_or_hang)
    ended.set()

    assert asked.is_set()
    assert found == {"host": "one", "hostaddr": "192.0.2.1", "port": "2"}


def test_where_nobody_answers_the_deadline_ends_the_wait():
    """It is not for a resolver to say how long."""
    ended = threading.Event()
    patience = Deadline(clocks.monotonic_s() + 0.2, TimeoutError())

    with pytest.raises(TimeoutError):
        hosts.resolve({"host": "hangs"}, patience, lambda _: [str(ended.wait(20))])
    ended.set()
