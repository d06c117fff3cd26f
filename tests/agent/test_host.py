"""What the agent reads of its machine."""

from pathlib import Path

import pytest

from partner_api.agent import host
from partner_api.agent.serial import parse_ioreg, read_serial

IOREG = """
+-o MacBookPro18,1  <class IOPlatformExpertDevice, id 0x100000269, registered>
    {
      "IOPlatformUUID" = "00000000-1111-2222-3333-444444444444"
      "IOPlatformSerialNumber" = "C02XL0ABCDEF"
      "model" = <"MacBookPro18,1">
    }
"""


@pytest.mark.parametrize(
    ("content", "serial"),
    [
        (b"PF3X9Q2L\n", "PF3X9Q2L"),
        (b"10000000abcdef01\0", "10000000abcdef01"),
        (b"To Be Filled By O.E.M.\n", None),
        (b"Default string\n", None),
        (b" \n", None),
        (b"\xff\xfe\n", "\N{REPLACEMENT CHARACTER}" * 2),
    ],
)
def test_a_serial_number_is_read_unless_its_maker_left_a_placeholder(
    tmp_path: Path, content: bytes, serial: str | None
) -> None:
    file = tmp_path / "serial"
    file.write_bytes(content)
    assert read_serial((tmp_path / "missing", file)) == serial


def test_an_unreadable_serial_number_is_none(tmp_path: Path) -> None:
    assert read_serial((tmp_path, tmp_path / "missing")) is None


def test_ioregs_serial_number_is_found() -> None:
    assert parse_ioreg(IOREG) == "C02XL0ABCDEF"
    assert not parse_ioreg("ioreg: error")


def test_the_host_says_what_enrollment_needs() -> None:
    facts = host.read_host(None)
    assert {"os", "arch", "currentVersion"} <= facts.keys()
    assert facts["currentVersion"] == host.AGENT_VERSION
    assert host.read_host("7.8.9")["currentVersion"] == "7.8.9"


def test_facts_a_server_would_refuse_are_left_out_or_cut() -> None:
    facts = host.clean_facts({"os": "a\0b", "arch": "x" * 200, "osVersion": "", "other": None})
    assert facts == {"arch": "x" * 100}
