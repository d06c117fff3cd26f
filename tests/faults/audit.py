"""What the server remembers, held against what the devices wrote down."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from tests.blackbox.server import TLS, Integrator
from tests.faults.fleet import PATH, Device

WINDOW = 64
"""How many of a device's newest sequence numbers the server can tell from one another."""


@dataclass(frozen=True)
class Audit:
    """How many check-ins are missing, and how many count twice."""

    missing: int
    double: int


def audit(integrator: Integrator, devices: Sequence[Device]) -> Audit:
    """Compare, when every check-in that was begun has been answered."""
    counted = _count(integrator)
    surplus = [counted[device.client_id] - len(device.answered) for device in devices]
    fewer = sum(-n for n in surplus if n < 0)
    # In a sum one that is missing could hide one that counts twice; the newest are asked for.
    return Audit(max(fewer, _count_forgotten(integrator.url, devices)), sum(surplus) + fewer)


def _count(integrator: Integrator) -> dict[str, int]:
    listed = integrator.get("/v1/devices?limit=1000")
    assert listed["meta"]["total"] == len(listed["data"])
    # A device that never checked in has no count.
    return {device["clientId"]: device.get("checkInCount", 0) for device in listed["data"]}


def _count_forgotten(url: str, devices: Sequence[Device]) -> int:
    """Send the newest numbers once more; how many of them the server takes for new."""
    forgotten = 0
    for device in devices:
        again = {"checkIns": [{"sequence": number} for number in device.answered[-WINDOW:]]}
        answer = httpx.post(url + PATH, json=again, headers=device.headers, timeout=30, verify=TLS)
        assert answer.status_code == 200, answer.text
        forgotten += answer.json()["data"]["accepted"]
    return forgotten
