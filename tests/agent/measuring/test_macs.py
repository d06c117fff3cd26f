"""MAC addresses in one spelling."""

import pytest

from partner_api.agent.measuring.macs import normal_mac


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("A0-B1-C2-03-04-05", "a0:b1:c2:03:04:05"),
        ("a0:b1:c2:3:4:5", "a0:b1:c2:03:04:05"),
        (" a0:b1:c2:03:04:05\n", "a0:b1:c2:03:04:05"),
        ("00:00:00:00:00:00", None),
        ("ff:ff:ff:ff:ff:ff", None),
        ("(incomplete)", None),
        ("a0:b1:c2:03:04", None),
        ("a0:b1:c2:03:04:05:06:07", None),
        ("", None),
    ],
)
def test_a_mac_is_lower_case_with_colons_or_none(text: str, mac: str | None) -> None:
    assert normal_mac(text) == mac
