"""Addresses as devices spell them."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_api.telemetry.addresses import format_mac, is_interface_address, is_ip, parse_mac

NO_IPS = [
    *("", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "0x1.2.3.4"),
    *(":", ":::", "1::2::3", "fe80::12345", "1:2:3:4:5:6:7:8:9", "localhost", "1.2.3.4\0"),
    *("\u0661.2.3.4", "1.2.3.4%eth0", "fe80::1%", "fe80::1%a b", "fe80::1%" + "z" * 33),
    *("\ud800", "[::1]", "1.2.3.4:80"),
]
NO_MACS = [
    *("", "aa:bb:cc:dd:ee", "aa:bb:cc:dd:ee:ff:00", "aa:bb:cc-dd:ee:ff", "aabbccddeeff"),
    *("aa:bb:cc:dd:ee:fg", " aa:bb:cc:dd:ee:ff", "aa:bb:cc:dd:ee:ff\n", "aabb.ccdd:eeff"),
    *("\uff41a:bb:cc:dd:ee:ff", "\u0661\u0661:bb:cc:dd:ee:ff"),
]


@given(st.ip_addresses())
def test_every_address_is_one(address: object) -> None:
    assert is_ip(str(address))
    assert is_ip(str(address).upper())


@pytest.mark.parametrize("text", ["fe80::1%eth0", "fe80::1%en0.1", "::ffff:192.0.2.1", "::"])
def test_so_is_one_with_its_zone(text: str) -> None:
    assert is_ip(text)
    assert ip_address(text)


@pytest.mark.parametrize("text", NO_IPS, ids=ascii)
def test_other_texts_are_none(text: str) -> None:
    assert not is_ip(text)
    assert not is_interface_address(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("192.0.2.4", True),
        ("192.0.2.4/0", True),
        ("192.0.2.4/32", True),
        ("192.0.2.4/33", False),
        ("192.0.2.4/", False),
        ("192.0.2.4/-1", False),
        ("192.0.2.4/24/24", False),
        ("192.0.2.4/255.255.255.0", False),
        ("192.0.2.4/\u0661", False),
        ("2001:db8::4/128", True),
        ("2001:db8::4/129", False),
        ("fe80::1%eth0/64", True),
        ("fe80::1/64%eth0", False),
    ],
)
def test_an_interfaces_address_may_have_a_prefix(text: str, is_one: bool) -> None:
    assert is_interface_address(text) == is_one


@given(st.integers(0, 2**48 - 1))
def test_a_mac_means_the_same_in_all_its_forms(mac: int) -> None:
    digits = f"{mac:012x}"
    pairs = [digits[at : at + 2] for at in range(0, 12, 2)]
    dotted = ".".join(digits[at : at + 4] for at in range(0, 12, 4))
    for form in (":".join(pairs), "-".join(pairs).upper(), dotted, dotted.upper()):
        assert parse_mac(form) == mac
    assert format_mac(mac) == ":".join(pairs)


@pytest.mark.parametrize("text", NO_MACS, ids=ascii)
def test_other_texts_are_no_mac(text: str) -> None:
    assert parse_mac(text) is None
