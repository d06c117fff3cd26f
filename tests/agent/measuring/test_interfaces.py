"""Network interfaces as each system tells of them."""

import json
from pathlib import Path

import pytest

from partner_api.agent.measuring.interfaces import read_interfaces
from partner_api.agent.measuring.linux_interfaces import (
    describe,
    interface_kind,
    parse_ip_addresses,
    parse_proc_net_dev,
)
from partner_api.agent.measuring.macos_interfaces import (
    parse_hardware_ports,
    parse_ifconfig,
    parse_netstat,
)
from partner_api.agent.measuring.windows_interfaces import parse_adapters

PROC_NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 4711 12    0    0    0     0          0         0     4711      12    0    0    0     0       0          0
wlp2s0:98765432100 8765432    3    1    0     0          0         0 1234567890  987654    2    0    0     0       0          0
"""  # noqa: E501 - as recorded
IP_ADDRESS = r"""1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
3: wlp2s0    inet 192.168.0.23/24 brd 192.168.0.255 scope global dynamic wlp2s0\       valid_lft 85964sec preferred_lft 85964sec
3: wlp2s0    inet6 fe80::5a9d:1c2:3b4d:6e7f/64 scope link noprefixroute \       valid_lft forever preferred_lft forever
7: wg0    inet 10.8.0.2 peer 10.8.0.1/32 scope global wg0\       valid_lft forever preferred_lft forever
"""  # noqa: E501 - as recorded
IFCONFIG = """\
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384
\toptions=1203<RXCSUM,TXCSUM,TXSTATUS,SW_TIMESTAMP>
\tinet 127.0.0.1 netmask 0xff000000
\tinet6 ::1 prefixlen 128
gif0: flags=8010<POINTOPOINT,MULTICAST> mtu 1280
en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\toptions=6460<TSO4,TSO6,CHANNEL_IO,PARTIAL_CSUM,ZEROINVERT_CSUM>
\tether a4:83:e7:00:00:01
\tinet6 fe80::1c3b:5d2a:77aa:1234%en0 prefixlen 64 secured scopeid 0xb
\tinet 192.168.0.23 netmask 0xffffff00 broadcast 192.168.0.255
\tnd6 options=201<PERFORMNUD,DAD>
\tmedia: autoselect
\tstatus: active
en5: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\tether 38:f9:d3:00:00:02
\tmedia: autoselect (none)
\tstatus: inactive
"""
HARDWARE_PORTS = """
Hardware Port: Ethernet Adapter (en5)
Device: en5
Ethernet Address: 38:f9:d3:00:00:02

Hardware Port: Thunderbolt Bridge
Device: bridge0
Ethernet Address: 36:8a:1d:00:00:03

Hardware Port: Wi-Fi
Device: en0
Ethernet Address: a4:83:e7:00:00:01

Hardware Port: iPhone USB
Device: en7
Ethernet Address: 5a:0a:d8:00:00:04

VLAN Configurations
===================
"""
NETSTAT = """\
Name       Mtu   Network       Address            Ipkts Ierrs     Ibytes    Opkts Oerrs     Obytes  Coll
lo0        16384 <Link#1>                        412345     0   98765432   412345     0   98765432     0
lo0        16384 127           127.0.0.1         412345     -   98765432   412345     -   98765432     -
gif0*      1280  <Link#2>                             0     0          0        0     0          0     0
en0        1500  <Link#11>   a4:83:e7:00:00:01 51234567     4 4294967296 12345678     5  987654321     0
en0        1500  192.168.0     192.168.0.23    51234567     - 4294967296 12345678     -  987654321     -
"""  # noqa: E501 - as recorded
ADAPTERS = [
    {
        "Name": "Ethernet",
        "MacAddress": "00-15-5D-01-02-03",
        "Status": "Disconnected",
        "PhysicalMediaType": "802.3",
    },
    {
        "Name": "Wi-Fi",
        "MacAddress": "A4-83-E7-00-00-01",
        "Status": "Up",
        "PhysicalMediaType": "Native 802.11",
    },
    {"Name": "VPN", "MacAddress": "", "Status": "Up", "PhysicalMediaType": "Unspecified"},
]


def test_linux_counters_are_read_even_where_they_touch_the_name() -> None:
    assert parse_proc_net_dev(PROC_NET_DEV)["wlp2s0"] == {
        "rxBytes": 98765432100,
        "rxPackets": 8765432,
        "rxErrors": 3,
        "txBytes": 1234567890,
        "txPackets": 987654,
        "txErrors": 2,
    }


def test_linux_addresses_keep_their_prefix() -> None:
    assert parse_ip_addresses(IP_ADDRESS) == {
        "lo": ["127.0.0.1/8"],
        "wlp2s0": ["192.168.0.23/24", "fe80::5a9d:1c2:3b4d:6e7f/64"],
        "wg0": ["10.8.0.2"],
    }


@pytest.mark.parametrize(
    ("name", "hardware", "uevent", "kind"),
    [
        ("wlp2s0", "1", "DEVTYPE=wlan\nINTERFACE=wlp2s0\nIFINDEX=3", "wifi"),
        ("wwan0", "65534", "DEVTYPE=wwan\nINTERFACE=wwan0\nIFINDEX=4", "cellular"),
        ("wwp0s20f0u6", "1", "INTERFACE=wwp0s20f0u6\nIFINDEX=5", "cellular"),
        ("ppp0", "512", "INTERFACE=ppp0\nIFINDEX=6", "cellular"),
        ("enp0s31f6", "1", "INTERFACE=enp0s31f6\nIFINDEX=2", "ethernet"),
        ("br0", "1", "DEVTYPE=bridge\nINTERFACE=br0\nIFINDEX=7", "ethernet"),
        ("wg0", "65534", "DEVTYPE=wireguard\nINTERFACE=wg0\nIFINDEX=8", "other"),
        ("lo", "772", "INTERFACE=lo\nIFINDEX=1", "loopback"),
        ("gone", "", "", "other"),
    ],
)
def test_linux_drivers_say_of_what_kind_an_interface_is(
    name: str, hardware: str, uevent: str, kind: str
) -> None:
    assert interface_kind(name, hardware, uevent) == kind


@pytest.mark.parametrize(
    ("operstate", "flags", "state"),
    [
        ("up", "0x1003", "up"),
        ("down", "0x1003", "down"),
        ("dormant", "0x1003", "down"),
        ("unknown", "0x1091", "up"),
        ("unknown", "0x1090", "down"),
        ("", "", "down"),
    ],
)
def test_a_linux_interface_is_up_when_its_driver_says_so_or_cannot_tell(
    tmp_path: Path, operstate: str, flags: str, state: str
) -> None:
    folder = tmp_path / "eth0"
    folder.mkdir()
    for file, text in {
        "type": "1",
        "uevent": "INTERFACE=eth0",
        "address": "A4:83:E7:00:00:01",
        "operstate": operstate,
        "flags": flags,
    }.items():
        (folder / file).write_text(f"{text}\n", encoding="ascii")
    described = {"name": "eth0", "type": "ethernet", "state": state, "mac": "a4:83:e7:00:00:01"}
    assert describe(folder) == described
    (folder / "tun_flags").touch()
    assert describe(folder) == {**described, "type": "other"}


def test_a_linux_interface_that_went_away_meanwhile_is_down(tmp_path: Path) -> None:
    assert describe(tmp_path / "eth7") == {"name": "eth7", "type": "other", "state": "down"}


def test_macos_interfaces_are_read_without_loopback() -> None:
    assert parse_ifconfig(IFCONFIG) == [
        {"name": "gif0", "state": "down"},
        {
            "name": "en0",
            "state": "up",
            "mac": "a4:83:e7:00:00:01",
            "addresses": ["192.168.0.23/24", "fe80::1c3b:5d2a:77aa:1234/64"],
        },
        {"name": "en5", "state": "down", "mac": "38:f9:d3:00:00:02"},
    ]


def test_macos_names_of_ports_tell_of_what_kind_an_interface_is() -> None:
    assert parse_hardware_ports(HARDWARE_PORTS) == {
        "en5": "ethernet",
        "bridge0": "other",
        "en0": "wifi",
        "en7": "cellular",
    }


def test_macos_counters_are_read_with_and_without_an_address_before_them() -> None:
    found = parse_netstat(NETSTAT)
    assert found["en0"] == {
        "rxPackets": 51234567,
        "rxErrors": 4,
        "rxBytes": 4294967296,
        "txPackets": 12345678,
        "txErrors": 5,
        "txBytes": 987654321,
    }
    assert found["lo0"]["rxBytes"] == 98765432
    assert found.keys() == {"lo0", "gif0", "en0"}


def test_windows_adapters_are_read_be_they_many_or_one() -> None:
    ethernet, wifi, vpn = parse_adapters(json.dumps(ADAPTERS))
    assert ethernet["state"] == "down"
    assert wifi == {"name": "Wi-Fi", "type": "wifi", "state": "up", "mac": "a4:83:e7:00:00:01"}
    assert vpn == {"name": "VPN", "type": "other", "state": "up"}
    assert parse_adapters(json.dumps(ADAPTERS[1])) == [wifi]
    assert parse_adapters("") == []


def test_this_machines_interfaces_are_read() -> None:
    for interface in read_interfaces():
        assert {"name", "type", "state", "counters"} <= interface.keys()
        assert interface["type"] in {"wifi", "ethernet", "cellular", "other"}
        assert all(count >= 0 for count in interface["counters"].values())
