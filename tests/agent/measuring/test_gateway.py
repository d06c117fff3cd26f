"""The default route and the router it leads to, as each system tells of them."""

import json

import pytest

from partner_api.agent.measuring import gateway
from partner_api.agent.measuring.gateway import (
    DefaultRoute,
    parse_arp,
    parse_linux_arp,
    parse_linux_route,
    parse_macos_route,
    parse_windows_route,
    read_gateway,
)

LINUX_ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlp2s0\t00000000\t0132A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
enp0s31f6\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
enp0s31f6\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
"""
LINUX_HEAD = LINUX_ROUTE.splitlines(keepends=True)[0]
LINUX_MODEM = LINUX_HEAD + "ppp0\t00000000\t00000000\t0001\t0\t0\t700\t00000000\t0\t0\t0\n"
LINUX_DOWN = LINUX_HEAD + "eth0\t00000000\t0100A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n"
LINUX_ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
192.168.0.1      0x1         0x2         a4:2b:b0:c9:11:5e     *        enp0s31f6
192.168.0.17     0x1         0x0         a4:2b:b0:c9:11:5e     *        enp0s31f6
192.168.0.18     0x1         0x2         3c:22:fb:00:00:01     *        enp0s31f6
"""
MACOS_ROUTE = """\
   route to: default
destination: default
       mask: default
    gateway: 192.168.0.1
  interface: en0
      flags: <UP,GATEWAY,DONE,STATIC,PRCLONING,GLOBAL>
 recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire
       0         0         0         0         0         0      1500         0
"""
MACOS_VPN = """\
   route to: default
destination: default
       mask: default
    gateway: link#22
  interface: utun4
      flags: <UP,DONE,CLONING,STATIC,GLOBAL>
"""
MACOS_ARP = "? (192.168.0.1) at a4:2b:b0:c9:11:5e on en0 ifscope [ethernet]\n"
MACOS_ARP_SHORT = "router.lan (192.168.0.1) at 0:2b:b0:9:11:5e on en0 ifscope [ethernet]\n"
MACOS_NO_ARP = "192.168.0.1 (192.168.0.1) -- no entry\n"
WINDOWS_ROUTE = json.dumps({"InterfaceAlias": "Wi-Fi", "NextHop": "192.168.0.1"}, indent=4)
WINDOWS_DIRECT = json.dumps({"InterfaceAlias": "Cellular", "NextHop": "0.0.0.0"})  # noqa: S104
WINDOWS_ARP = """
Interface: 192.168.0.23 --- 0xc
  Internet Address      Physical Address      Type
  192.168.0.1           a4-2b-b0-c9-11-5e     dynamic   
"""  # noqa: W291 - as recorded


@pytest.mark.parametrize(
    ("found", "route"),
    [
        (parse_linux_route(LINUX_ROUTE, "little"), DefaultRoute("enp0s31f6", "192.168.0.1")),
        (parse_linux_route(LINUX_MODEM), DefaultRoute("ppp0", None)),
        (parse_linux_route(LINUX_DOWN), None),
        (parse_linux_route(LINUX_HEAD), None),
        (parse_macos_route(MACOS_ROUTE), DefaultRoute("en0", "192.168.0.1")),
        (parse_macos_route(MACOS_VPN), DefaultRoute("utun4", None)),
        (parse_macos_route(""), None),
        (parse_windows_route(WINDOWS_ROUTE), DefaultRoute("Wi-Fi", "192.168.0.1")),
        (parse_windows_route(WINDOWS_DIRECT), DefaultRoute("Cellular", None)),
        (parse_windows_route("\r\n"), None),
    ],
)
def test_the_default_route_is_read(found: DefaultRoute | None, route: DefaultRoute | None) -> None:
    assert found == route


def test_linux_writes_addresses_in_the_machines_byte_order() -> None:
    text = LINUX_HEAD + "eth0\t00000000\tC0A80001\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    assert parse_linux_route(text, "big") == DefaultRoute("eth0", "192.168.0.1")


@pytest.mark.parametrize(
    ("found", "mac"),
    [
        (parse_linux_arp(LINUX_ARP, "192.168.0.1"), "a4:2b:b0:c9:11:5e"),
        (parse_linux_arp(LINUX_ARP, "192.168.0.17"), None),
        (parse_linux_arp(LINUX_ARP, "192.168.0.2"), None),
        (parse_arp(MACOS_ARP, "192.168.0.1"), "a4:2b:b0:c9:11:5e"),
        (parse_arp(MACOS_ARP_SHORT, "192.168.0.1"), "00:2b:b0:09:11:5e"),
        (parse_arp(MACOS_ARP, "192.168.0.2"), None),
        (parse_arp(MACOS_NO_ARP, "192.168.0.1"), None),
        (parse_arp(WINDOWS_ARP, "192.168.0.1"), "a4:2b:b0:c9:11:5e"),
        (parse_arp(WINDOWS_ARP, "192.168.0.23"), None),
        (parse_arp("No ARP Entries Found.\n", "192.168.0.1"), None),
    ],
)
def test_a_neighbours_mac_is_read(found: str | None, mac: str | None) -> None:
    assert found == mac


def test_a_gateway_without_a_mac_is_left_out() -> None:
    # A host of this machine, so it answers at once; nobody has its MAC.
    assert read_gateway("127.0.0.1") is None


def test_a_gateway_has_its_response_time_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_read_mac", lambda _: "a4:2b:b0:c9:11:5e")
    found = read_gateway("127.0.0.1")
    assert found is not None
    assert 0 < found.pop("responseMs") < 500
    assert found == {"ip": "127.0.0.1", "mac": "a4:2b:b0:c9:11:5e"}
    monkeypatch.setattr(gateway, "_ways_to_ask", lambda _: [lambda: None])
    assert read_gateway("127.0.0.1") == found
