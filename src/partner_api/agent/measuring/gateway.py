"""The default route of IPv4, and the router it leads to."""

import json
import platform
import re
import socket
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from partner_api.agent.measuring.commands import output_of
from partner_api.agent.measuring.macs import normal_mac
from partner_api.agent.measuring.probes import Address, Probe, connect, may_ping, ping, repeated

_PROBES = 3
# Where a router that answers no ping answers something, were it only a refusal.
_PORTS = (80, 53)
_POWERSHELL_ROUTE = (
    "Get-NetRoute -DestinationPrefix 0.0.0.0/0"
    " | Sort-Object { $_.RouteMetric + $_.InterfaceMetric }"
    " | Select-Object -First 1 InterfaceAlias, NextHop | ConvertTo-Json"
)
_ROUTE_UP, _ROUTE_GATEWAY, _ARP_COMPLETE = 0x1, 0x2, 0x2
_NO_GATEWAY = {"0.0.0.0", ""}  # noqa: S104 - what is compared, not where anything listens
_ROUTE_LINE = re.compile(r"^\s*(gateway|interface): (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class DefaultRoute:
    """Where packets to the world go; a line without neighbours has no gateway."""

    interface: str
    gateway: str | None


def read_default_route() -> DefaultRoute | None:
    """The default route, or None."""
    system = platform.system()
    if system == "Darwin":
        return parse_macos_route(output_of("route", "-n", "get", "default"))
    if system == "Windows":
        return parse_windows_route(output_of("powershell", "-NoProfile", "-c", _POWERSHELL_ROUTE))
    return parse_linux_route(Path("/proc/net/route").read_text(encoding="ascii"))


def read_gateway(gateway: str) -> dict[str, Any] | None:
    """The gateway as the wire has it; None when its MAC is not known, as behind a modem."""
    # Asked first: a neighbour nobody spoke with for a while has no MAC here.
    response = _response(gateway)
    mac = _read_mac(gateway)
    if mac is None:
        return None
    return {"ip": gateway, "mac": mac} | ({} if response is None else {"responseMs": response})


def parse_linux_route(
    text: str, byteorder: Literal["little", "big"] = sys.byteorder
) -> DefaultRoute | None:
    """The best default route in /proc/net/route, where addresses are numbers of the machine."""
    found = [
        (int(metric), interface, gateway, int(flags, 16))
        for interface, target, gateway, flags, _, _, metric, mask, *_ in _rows(text)
        if int(target, 16) == 0 and int(mask, 16) == 0 and int(flags, 16) & _ROUTE_UP
    ]
    if not found:
        return None
    _, interface, gateway, flags = min(found)
    address = socket.inet_ntoa(int(gateway, 16).to_bytes(4, byteorder))
    return DefaultRoute(interface, address if flags & _ROUTE_GATEWAY else None)


def parse_macos_route(text: str) -> DefaultRoute | None:
    """The default route in what `route -n get default` prints."""
    found = dict(_ROUTE_LINE.findall(text))
    if "interface" not in found:
        return None
    return DefaultRoute(found["interface"], _ipv4(found.get("gateway", "")))


def parse_windows_route(text: str) -> DefaultRoute | None:
    """The default route in PowerShell's JSON."""
    if not text.strip():
        return None
    found = json.loads(text)
    return DefaultRoute(found["InterfaceAlias"], _ipv4(found["NextHop"]))


def parse_linux_arp(text: str, gateway: str) -> str | None:
    """A neighbour's MAC in /proc/net/arp."""
    for address, _, flags, mac, *_ in _rows(text):
        if address == gateway and int(flags, 16) & _ARP_COMPLETE:
            return normal_mac(mac)
    return None


def parse_arp(text: str, gateway: str) -> str | None:
    """A neighbour's MAC in what `arp` prints, on macOS as on Windows."""
    for line in text.splitlines():
        words = line.replace("(", " ").replace(")", " ").split()
        if gateway in words:
            macs = (normal_mac(word) for word in words[words.index(gateway) + 1 :])
            mac = next(filter(None, macs), None)
            if mac:
                return mac
    return None


def _read_mac(gateway: str) -> str | None:
    system = platform.system()
    if system == "Darwin":
        return parse_arp(output_of("arp", "-n", gateway), gateway)
    if system == "Windows":
        return parse_arp(output_of("arp", "-a", gateway), gateway)
    return parse_linux_arp(Path("/proc/net/arp").read_text(encoding="ascii"), gateway)


def _response(gateway: str) -> float | None:
    ways = _ways_to_ask(Address(socket.AF_INET, (gateway, 0)))
    # The first round trip may include finding the neighbour, so it counts for nothing else.
    probe = next((way for way in ways if way() is not None), None)
    answers = [trip for trip in repeated(probe, _PROBES) if trip is not None] if probe else []
    return round(statistics.median(answers), 3) if answers else None


def _ways_to_ask(address: Address) -> Sequence[Probe]:
    by_icmp = [partial(ping, address)] if may_ping(address.family) else []
    return [*by_icmp, *(partial(connect, address, port) for port in _PORTS)]


def _rows(text: str) -> Sequence[Sequence[str]]:
    return [line.split() for line in text.splitlines()[1:] if line.strip()]


def _ipv4(text: str) -> str | None:
    try:
        socket.inet_pton(socket.AF_INET, text)
    except OSError:
        return None
    return None if text in _NO_GATEWAY else text
