"""Interfaces as macOS tells of them, through its own programs."""

import re
from typing import Any

from partner_api.agent.measuring.commands import output_of
from partner_api.agent.measuring.macs import normal_mac

_HEAD = re.compile(r"^(\S+): flags=[0-9a-f]+<([^>]*)>", re.MULTILINE)
_ETHER = re.compile(r"^\s+ether (\S+)", re.MULTILINE)
_STATUS = re.compile(r"^\s+status: (\S+)", re.MULTILINE)
_INET = re.compile(r"^\s+inet (\S+).*? netmask 0x([0-9a-f]{8})", re.MULTILINE)
_INET6 = re.compile(r"^\s+inet6 (\S+) prefixlen (\d+)", re.MULTILINE)
_PORT = re.compile(r"^Hardware Port: (.+)\nDevice: (\S+)", re.MULTILINE)
# From the end, for an interface without an address lacks a column in the middle.
_COUNTERS = {
    "rxPackets": -7,
    "rxErrors": -6,
    "rxBytes": -5,
    "txPackets": -4,
    "txErrors": -3,
    "txBytes": -2,
}
_KINDS = (
    ("Wi-Fi", "wifi"),
    ("AirPort", "wifi"),
    ("Ethernet", "ethernet"),
    ("LAN", "ethernet"),
    ("iPhone", "cellular"),
    ("Modem", "cellular"),
)


def read_macos_interfaces() -> list[dict[str, Any]]:
    """All but loopback."""
    kinds = parse_hardware_ports(output_of("networksetup", "-listallhardwareports"))
    counters = parse_netstat(output_of("netstat", "-ibn"))
    return [
        {**interface, "type": kinds.get(interface["name"], "other")}
        | ({"counters": counters[name]} if (name := interface["name"]) in counters else {})
        for interface in parse_ifconfig(output_of("ifconfig"))
    ]


def parse_ifconfig(text: str) -> list[dict[str, Any]]:
    """What `ifconfig` prints, without loopback; it does not say of what kind each is."""
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [
        _described(head[1], head[2].split(","), text[head.end() : end])
        for head, end in zip(heads, ends, strict=True)
        if "LOOPBACK" not in head[2]
    ]


def parse_hardware_ports(text: str) -> dict[str, str]:
    """The kind of each device, from `networksetup -listallhardwareports`."""
    return {
        device: next((kind for word, kind in _KINDS if word in port), "other")
        for port, device in _PORT.findall(text)
    }


def parse_netstat(text: str) -> dict[str, dict[str, int]]:
    """What went through each interface, from `netstat -ibn`: one row of several per interface."""
    found = {}
    for line in text.splitlines():
        columns = line.split()
        if len(columns) >= 10 and columns[2].startswith("<Link#"):
            found[columns[0].rstrip("*")] = {
                counter: int(columns[at]) for counter, at in _COUNTERS.items()
            }
    return found


def _described(name: str, flags: list[str], text: str) -> dict[str, Any]:
    ether, status = _ETHER.search(text), _STATUS.search(text)
    # Interfaces without a medium have no status.
    is_up = "UP" in flags and (status is None or status[1] == "active")
    mac = normal_mac(ether[1]) if ether else None
    addresses = [
        f"{address}/{int(mask, 16).bit_count()}" for address, mask in _INET.findall(text)
    ] + [f"{address.split('%')[0]}/{length}" for address, length in _INET6.findall(text)]
    described: dict[str, Any] = {"name": name, "state": "up" if is_up else "down"}
    if mac is not None:
        described["mac"] = mac
    if addresses:
        described["addresses"] = addresses
    return described
