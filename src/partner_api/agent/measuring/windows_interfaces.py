"""Interfaces as Windows tells of them, through PowerShell, whose JSON is in no language."""

import json
from typing import Any

from partner_api.agent.measuring.commands import output_of
from partner_api.agent.measuring.macs import normal_mac

_ADAPTERS = "Get-NetAdapter | Select-Object Name, MacAddress, Status, PhysicalMediaType"
_KINDS = {"802.3": "ethernet", "Native 802.11": "wifi", "Wireless WAN": "cellular"}


def read_windows_interfaces() -> list[dict[str, Any]]:
    """All but loopback."""
    command = f"{_ADAPTERS} | ConvertTo-Json"
    return parse_adapters(output_of("powershell", "-NoProfile", "-c", command, seconds=10))


def parse_adapters(text: str) -> list[dict[str, Any]]:
    """`Get-NetAdapter` as JSON: a list, or the only adapter itself."""
    found = json.loads(text) if text.strip() else []
    return [_described(adapter) for adapter in (found if isinstance(found, list) else [found])]


def _described(adapter: dict[str, Any]) -> dict[str, Any]:
    mac = normal_mac(adapter.get("MacAddress") or "")
    described = {
        "name": adapter["Name"],
        "type": _KINDS.get(adapter.get("PhysicalMediaType") or "", "other"),
        "state": "up" if adapter.get("Status") == "Up" else "down",
    }
    return described if mac is None else {**described, "mac": mac}
