"""Addresses and networks: one normal form, and which holds which."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bangui_cli.rules import networks
from bangui_cli.rules.validation import Rejected, normalise_ip

# Many zeros and ones, so that `::` stands in every place.
_octets = st.sampled_from([0, 0, 0, 1, 255, 198])
_addresses = st.one_of(
    st.lists(_octets, min_size=4, max_size=4).map(bytes).map(ipaddress.IPv4Address),
    st.lists(_octets, min_size=16, max_size=16).map(bytes).map(ipaddress.IPv6Address),
    st.ip_addresses(),
)


def _is_plain(address):
    return getattr(address, "ipv4_mapped", None) is None


_plain = _addresses.filter(_is_plain)


@st.composite
def _networks(draw):
    """Draw a network that holds no IPv4-mapped address first, with host bits."""
    address = draw(_plain)
    return address, draw(st.integers(0, address.max_prefixlen))


def _normal(address, length):
    return networks.normalise(f"{address}/{length}")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.77/24", "192.0.2.0/24"),
        ("192.0.2.77/32", "192.0.2.77"),
        ("2001:DB8:0::1/64", "2001:db8::/64"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1/120", "192.0.2.0/24"),
        ("::ffff:192.0.2.1/128", "192.0.2.1"),
        ("::/0", "::/0"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
    ],
)
def test_a_network_has_one_form(text, normal):
    """Bans of one network are found together, however it was spelt; on every Python the same."""
    assert networks.normalise(text) == normal


@pytest.mark.parametrize("text", ["", "/", "192.0.2.0/33", "a/8", "192.0.2.1/24/3", "fe80::1%eth0/64"])
def test_what_is_no_network_is_rejected(text):
    """Whoever mistypes is told, and finds not nothing."""
    with pytest.raises(Rejected):
        networks.normalise(text)


@given(_networks())
def test_the_normal_form_is_normal(network):
    """Normalising twice changes nothing, and the first address is one in normal form."""
    normal = _normal(*network)

    assert networks.normalise(normal) == normal
    first = networks.first_address(normal)
    assert normalise_ip(first) == first


@given(_networks(), _networks())
def test_a_network_holds_what_ipaddress_says_it_holds(outer, inner):
    """The quick comparison of numbers agrees with the library's."""
    one, two = (ipaddress.ip_network(f"{a}/{n}", strict=False) for a, n in (outer, inner))
    is_within = one.version == two.version and two.subnet_of(one)

    assert networks.span(_normal(*outer)).holds(networks.span(_normal(*inner))) == is_within


@given(_plain, st.lists(_networks(), max_size=8), st.data())
def test_the_networks_that_hold_an_address_are_found(address, others, data):
    """Of many, exactly those; what is nonsense holds nothing."""
    lengths = data.draw(st.lists(st.integers(0, address.max_prefixlen - 1), max_size=4))
    texts = {_normal(*network) for network in [*others, *((address, length) for length in lengths)]}
    texts = {text for text in texts if "/" in text}
    expected = {text for text in texts if address in ipaddress.ip_network(text)}

    found = networks.Networks([*texts, "nonsense", "nonsense/8"]).holding(normalise_ip(str(address)))

    assert len(found) == len(expected)
    assert set(found) == expected


@given(_networks(), st.data())
def test_all_within_a_network_begins_with_its_common_text(network, data):
    """An index finds them by it; none must be missed."""
    normal = _normal(*network)
    whole = ipaddress.ip_network(normal)
    offset = data.draw(st.integers(0, whole.num_addresses - 1))
    member = whole.network_address + offset
    length = data.draw(st.integers(whole.prefixlen, whole.max_prefixlen))
    inner = _normal(member, length)

    if _is_plain(member) and _is_plain(ipaddress.ip_network(f"{member}/{length}", False)[0]):
        assert inner.startswith(networks.common_text(normal))
        assert networks.within(["nonsense", inner], normal) == [inner]


def test_the_common_text_is_as_long_as_it_can_be():
    """Else each look would read the whole index."""
    assert networks.common_text("198.51.100.0/24") == "198.51.100."
    assert networks.common_text("198.51.96.0/20") == "198.51."
    assert networks.common_text("2001:db8::/32") == "2001:db8:"
    assert networks.common_text("2001:db8:0:1::/64") == "2001:db8:"
    assert networks.common_text("::/0") == ""
    assert networks.common_text("192.0.2.1") == "192.0.2.1"
