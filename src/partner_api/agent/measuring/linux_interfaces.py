"""Interfaces as Linux tells of them, in /proc and /sys and through `ip`."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from partner_api.agent.measuring.commands import output_of
from partner_api.agent.measuring.macs import normal_mac

_PROC_NET_DEV = Path("/proc/net/dev")
_SYS_CLASS_NET = Path("/sys/class/net")
_COUNTERS = {
    "rxBytes": 0,
    "rxPackets": 1,
    "rxErrors": 2,
    "txBytes": 8,
    "txPackets": 9,
    "txErrors": 10,
}
_ADDRESS = re.compile(r"^\d+: (\S+)\s+inet6? (\S+)", re.MULTILINE)
_ETHERNET, _LOOPBACK = "1", "772"
_MODEM_NAME = re.compile(r"(?:ppp|wwan|wwp|ww|rmnet)[\w-]*\d")
_IS_UP = 0x1


def read_linux_interfaces() -> list[dict[str, Any]]:
    """All but loopback."""
    counters = parse_proc_net_dev(_PROC_NET_DEV.read_text(encoding="utf-8"))
    addresses = parse_ip_addresses(output_of("ip", "-o", "address"))
    described = (describe(_SYS_CLASS_NET / name) for name in counters)
    return [
        interface
        | ({"addresses": addresses[name]} if name in addresses else {})
        | {"counters": counters[name]}
        for interface in described
        if (name := interface["name"]) and interface["type"] != "loopback"
    ]


def parse_proc_net_dev(text: str) -> dict[str, dict[str, int]]:
    """What went through each interface, from /proc/net/dev."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, rest = line.rpartition(":")
        numbers = rest.split()
        found[name.strip()] = {counter: int(numbers[at]) for counter, at in _COUNTERS.items()}
    return found


def parse_ip_addresses(text: str) -> dict[str, list[str]]:
    """The addresses of each interface, from `ip -o address`, busybox's too."""
    found = defaultdict(list)
    for name, address in _ADDRESS.findall(text):
        found[name].append(address)
    return dict(found)


def describe(folder: Path) -> dict[str, Any]:
    """An interface's folder below /sys/class/net."""
    is_tunnel = (folder / "tun_flags").exists()
    kind = interface_kind(folder.name, _text(folder / "type"), _text(folder / "uevent"))
    mac = normal_mac(_text(folder / "address"))
    described = {
        "name": folder.name,
        "type": "other" if is_tunnel else kind,
        "state": _state(_text(folder / "operstate"), _text(folder / "flags")),
    }
    return described if mac is None else {**described, "mac": mac}


def interface_kind(name: str, hardware: str, uevent: str) -> str:
    """wifi, cellular, ethernet, loopback or other, from what the driver says of itself."""
    if "DEVTYPE=wlan" in uevent:
        return "wifi"
    if "DEVTYPE=wwan" in uevent or _MODEM_NAME.fullmatch(name):
        return "cellular"
    return {_ETHERNET: "ethernet", _LOOPBACK: "loopback"}.get(hardware, "other")


def _state(operstate: str, flags: str) -> str:
    # Drivers that cannot tell whether there is a link say unknown.
    is_up = operstate == "up" or (operstate == "unknown" and int(flags or "0", 16) & _IS_UP)
    return "up" if is_up else "down"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
