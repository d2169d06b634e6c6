"""Addresses in the log are masked, wherever they stand; what only looks like one is left alone."""

import ipaddress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bangui_cli.rules.masking import addresses_in, mask_addresses

MASKED = [
    ("192.0.2.77", "192.0.2.0/24"),
    ("from 192.0.2.77, port 22", "from 192.0.2.0/24, port 22"),
    ("192.0.2.77:22", "192.0.2.0/24:22"),
    ("ip:192.0.2.77", "ip:192.0.2.0/24"),
    ("(192.0.2.77)", "(192.0.2.0/24)"),
    ("'192.0.2.77' was rejected.", "'192.0.2.0/24' was rejected."),
    ("seen: 192.0.2.77.", "seen: 192.0.2.0/24."),
    ("...192.0.2.77...", "...192.0.2.0/24..."),
    ("192.0.2.77-198.51.100.9", "192.0.2.0/24-198.51.100.0/24"),
    ("ban_192.0.2.77_ssh", "ban_192.0.2.0/24_ssh"),
    ("192.0.2.77/32", "192.0.2.0/24"),
    ("192.0.2.77.example.com", "192.0.2.0/24.example.com"),
    ("2001:db8:1:2::77", "2001:db8:1::/48"),
    ("2001:DB8:1:2:3:4:5:77", "2001:db8:1::/48"),
    ("2001:db8:1:2:3:4:192.0.2.77", "2001:db8:1::/48"),
    ("[2001:db8::77]:443", "[2001:db8::/48]:443"),
    ("2001:db8::77: refused", "2001:db8::/48: refused"),
    ("ip:2001:db8::77", "ip:2001:db8::/48"),
    ("peer=2001:db8::77,", "peer=2001:db8::/48,"),
    ("2001:db8::77.", "2001:db8::/48."),
    ("fe80::77%eth0", "fe80::/48%eth0"),
    ("2001:db8::77/128", "2001:db8::/48"),
    ("::ffff:192.0.2.77", "192.0.2.0/24"),
    ("::FFFF:c000:024d", "192.0.2.0/24"),
    ("64:ff9b::192.0.2.77", "64:ff9b::/48"),
    ("::1", "::/48"),
    ("\x1b[31m192.0.2.77\x1b[0m", "\x1b[31m192.0.2.0/24\x1b[0m"),
    ("\x9b1;31m2001:db8::77", "\x9b1;31m2001:db8::/48"),
    (repr("\n192.0.2.77\n"), r"'\n192.0.2.0/24\n'"),
    (repr("\x1b[1m192.0.2.77 \x851.2.3.4"), r"'\x1b[1m192.0.2.0/24 \x851.2.3.0/24'"),
    (r"\u001b[31m192.0.2.77 \u202e192.0.2.77", r"\u001b[31m192.0.2.0/24 \u202e192.0.2.0/24"),
]


@pytest.mark.parametrize(("text", "masked"), MASKED)
def test_an_address_becomes_its_network(text, masked):
    """Whatever punctuation stands beside it."""
    assert mask_addresses(text) == masked


LEFT_ALONE = [
    "2026-03-01T12:34:56.789Z",
    "12:34:56",
    "00:11:22:33:44:55",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "SQLite 3.40.1, bangui 0.1.0",
    "v1.2.3.4",
    "1.3.6.1.4.1.9",
    "256.1.2.3",
    "host-1.example.com",
    "std::vector",
    "192.0.2.0/24 and 10.0.0.0/8 and 2001:db8::/32",
    "/var/lib/bangui/bangui.db:12:5",
]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_no_address_is_left_alone(text):
    """Times, versions, identifiers, names, and networks that are wide enough."""
    assert mask_addresses(text) == text


NEIGHBOURS = st.text(alphabet=" \t,;:()[]<>{}\"'=|/@#.-_\u00e4", max_size=3)
FORMS = st.sampled_from([str, lambda a: a.exploded, lambda a: str(a).upper(), repr])


@given(NEIGHBOURS, st.ip_addresses(), NEIGHBOURS, FORMS)
def test_no_address_gets_through(before, address, after, form):
    """Between any punctuation, in any form, at most the network is left."""
    # Four colons in a row, or `::` before eight groups: that is another text.
    assume(not before.endswith("::") and not after.startswith("::"))
    masked = mask_addresses(before + form(address) + after)

    bits = 24 if address.version == 4 else 48
    network = ipaddress.ip_network(f"{address}/{bits}", strict=False)
    if address != network.network_address:
        assert str(address) not in masked
        assert address.exploded not in masked


@pytest.mark.parametrize(
    ("text", "typed", "shown"),
    [
        ("192.0.2.7 and 192.0.2.8", "192.0.2.7", "192.0.2.7 and 192.0.2.0/24"),
        ("2001:db8::7", "lookup 2001:DB8:0::7", "2001:db8::7"),
        ("192.0.2.7/30", "--ip=192.0.2.7/30", "192.0.2.7/30"),
        ("192.0.2.7", "192.0.2.70", "192.0.2.0/24"),
        ("64:ff9b::192.0.2.7", "64:ff9b::192.0.2.7", "64:ff9b::192.0.2.7"),
    ],
)
def test_an_address_that_is_spared_stays_however_it_is_written(text, typed, shown):
    """It is the address that counts, not its letters."""
    assert mask_addresses(text, addresses_in(typed)) == shown


@given(st.text(alphabet="0123456789abcf:./ g", max_size=60))
def test_masking_twice_is_masking_once(text):
    """A masked text holds networks, which are wide enough to stay."""
    once = mask_addresses(text)

    assert mask_addresses(once) == once
