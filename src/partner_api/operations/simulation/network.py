"""The truth about a fleet's networks: what each device measures, by its plan and the instant alone.

So whoever knows the plan knows what a server should say of it. Trouble that comes and goes does so
once an hour, for a third of it, at another time for each whom it befalls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from partner_api.operations.simulation.fleet import PlannedDevice
from partner_api.operations.simulation.mix import Kind

ROUND = timedelta(hours=1)
"""How often trouble comes, and how often a newer version is rolled out."""
TROUBLE = ROUND / 3

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_WEEK = timedelta(days=7)
_MILLISECOND = timedelta(milliseconds=1)
# The first halves of MAC addresses that makers of routers were assigned, one that nobody was, and
# one that somebody chose.
_GATEWAYS = ("24:5a:4c", "88:15:44", "20:e5:2a", "50:c7:bf", "00:1b:0d", "a0:a1:a2", "02:aa:bb")
_INTERFACES = {"wifi": "wlan0", "ethernet": "eth0"}


@dataclass(frozen=True)
class Measured:
    """What a device measures at an instant: milliseconds, percent, dBm."""

    latency: float
    jitter: float
    loss: float
    gateway_response: float
    rssi: float | None
    """None by cable."""


class Network:
    """One device's."""

    def __init__(self, planned: PlannedDevice) -> None:
        self._planned = planned
        nature = _random(planned.client_id)
        self._link = nature.choice(("wifi", "wifi", "ethernet"))
        self._latency = nature.uniform(8, 60)
        self._jitter = nature.uniform(0.5, 6)
        self._rssi = nature.uniform(-70, -45)
        self._mac = "02:" + nature.randbytes(5).hex(":")
        self._public_ip = f"198.51.100.{_random(planned.organization).randrange(1, 255)}"

    def is_out(self, at: datetime) -> bool:
        """Whether its whole organization is cut off."""
        planned = self._planned
        return planned.kind is Kind.OUTAGE and _is_in_trouble(planned.organization, at)

    def is_bad(self, at: datetime) -> bool:
        """Whether its link is poor."""
        planned = self._planned
        return planned.kind is Kind.BAD_LINK and _is_in_trouble(planned.client_id, at)

    def version(self, at: datetime) -> str:
        """What it runs: a roll-out reaches one device after the other."""
        if self._planned.kind is not Kind.VERSION_WAVE:
            return self._planned.facts["currentVersion"]
        return f"1.5.{(at - _EPOCH - _share_of_round(self._planned.client_id)) // ROUND}"

    def started_at(self, at: datetime) -> datetime:
        """When it started for the last time; it does once a week."""
        offset = _random("start", self._planned.client_id).randrange(_WEEK // _MILLISECOND)
        return at - (at - _EPOCH - offset * _MILLISECOND) % _WEEK

    def measure(self, at: datetime) -> Measured:
        """What it measures."""
        noise = _random(self._planned.client_id, (at - _EPOCH) // _MILLISECOND)
        latency = self._latency * noise.lognormvariate(0, 0.2)
        jitter = self._jitter * noise.lognormvariate(0, 0.3)
        loss = 0.0
        if self.is_bad(at):
            latency += noise.uniform(350, 700)
            jitter += noise.uniform(60, 120)
            loss = noise.uniform(12, 30)
        rssi = self._rssi + noise.uniform(-4, 4) if self._link == "wifi" else None
        return Measured(
            round(latency, 3),
            round(jitter, 3),
            round(loss, 3),
            round(noise.uniform(0.5, 3), 3),
            None if rssi is None else round(rssi, 1),
        )

    @property
    def gateway_mac(self) -> str:
        """Of the router its organization has."""
        router = _random("router", self._planned.organization)
        return f"{router.choice(_GATEWAYS)}:{router.randbytes(3).hex(':')}"

    def metrics(self, at: datetime) -> Mapping[str, float]:
        """What it says of itself."""
        noise = _random("metrics", self._planned.client_id, (at - _EPOCH) // _MILLISECOND)
        return {
            "cpuPercent": round(noise.uniform(2, 40), 1),
            "memoryPercent": round(noise.uniform(35, 75), 1),
            "uptimeSeconds": (at - self.started_at(at)) // _MILLISECOND / 1000,
        }

    def report(self, at: datetime) -> Mapping[str, object]:
        """The `network` of a check-in."""
        measured = self.measure(at)
        wifi = {"ssid": "Office", "rssiDbm": measured.rssi, "channel": 36, "band": "5GHz"}
        return {
            "interface": self._link,
            "publicIp": self._public_ip,
            "gateway": {
                "ip": "192.0.2.1",
                "mac": self.gateway_mac,
                "responseMs": measured.gateway_response,
            },
            "latencyMs": measured.latency,
            "jitterMs": measured.jitter,
            "packetLossPct": measured.loss,
            **({} if measured.rssi is None else {"wifi": wifi}),
        }

    def interfaces(self, at: datetime) -> list[Mapping[str, object]]:
        """The `interfaces` of a check-in."""
        seconds = (at - self.started_at(at)) // timedelta(seconds=1)
        return [
            {
                "name": _INTERFACES[self._link],
                "type": self._link,
                "mac": self._mac,
                "addresses": ["192.0.2.20/24"],
                "state": "up",
                "counters": {"rxBytes": seconds * 9000, "txBytes": seconds * 1200},
            }
        ]


def _is_in_trouble(whose: str, at: datetime) -> bool:
    return (at - _EPOCH - _share_of_round(whose)) % ROUND < TROUBLE


def _share_of_round(whose: str) -> timedelta:
    return _random("round", whose).random() * ROUND


def _random(*parts: object) -> Random:
    return Random("/".join(map(str, parts)))  # noqa: S311 - make-believe has no secrets
