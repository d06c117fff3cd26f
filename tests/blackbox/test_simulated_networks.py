"""What the server says of a simulated fleet's networks, beside the truth about that fleet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from partner_api.operations.simulation.fleet import Plan, plan_fleet
from partner_api.operations.simulation.mix import Kind, parse_faults
from partner_api.operations.simulation.network import Measured, Network
from partner_api.status.quality import WINDOW, Limits
from partner_api.telemetry.addresses import parse_mac
from partner_api.telemetry.manufacturers import packaged_table
from tests.blackbox.server import Integrator, wait_until
from tests.blackbox.test_simulate import Simulation, counts

FAULTS = "bad-link=25,outage=25,version-wave=10,late=10,duplicate=5,silent=5,never-seen=5"
PLAN = Plan(devices=60, organizations=4, seed=5, mix=parse_faults(FAULTS))
OPTIONS = ("--devices", "60", "--organizations", "4", "--seed", "5", "--faults", FAULTS)
VISIBLE_SECONDS = 30
QUALITY = "/v1/analytics/network-quality?window=7d"
MEASURES = ("latencyMs", "jitterMs", "packetLossPct")


@dataclass
class Told:
    """A sample as the server has it, and what the device measured at that instant."""

    at: datetime
    truth: Measured

    @property
    def values(self) -> tuple[float, float, float]:
        return self.truth.latency, self.truth.jitter, self.truth.loss


def told(integrator: Integrator, client_id: str, network: Network) -> Sequence[Told]:
    """All of a device's samples, each compared with what it must be."""
    since = (datetime.now(UTC) - timedelta(hours=31)).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = ",".join((*MEASURES, "wifiRssiDbm", "gatewayResponseMs", "uptimeSeconds"))
    path = f"/v1/devices/{client_id}/network-history?resolution=raw&from={since}&metrics={names}"
    samples = []
    for point in integrator.get(path)["data"]:
        at = datetime.fromisoformat(point["timestamp"])
        # The server's clock says when it was, the device's what was measured then.
        uptime = timedelta(seconds=point["metrics"]["uptimeSeconds"])
        truth = network.measure(network.started_at(at) + uptime)
        shown = {name: point.get(name) for name in (*MEASURES, "wifiRssiDbm", "gatewayResponseMs")}
        assert shown == {
            "latencyMs": truth.latency,
            "jitterMs": truth.jitter,
            "packetLossPct": truth.loss,
            "wifiRssiDbm": truth.rssi,
            "gatewayResponseMs": truth.gateway_response,
        }
        samples.append(Told(at, truth))
    return samples


def quality(samples: Sequence[Told]) -> tuple[str, list[float]]:
    """The level, and medians in the order of MEASURES."""
    newest = samples[-1].at
    window = [sample.values for sample in samples if sample.at > newest - WINDOW]
    medians = [median(values) for values in zip(*window, strict=True)]
    level = Limits().level(*(value * 1000 for value in medians))
    assert level is not None
    return "offline" if newest + WINDOW <= datetime.now(UTC) else level, medians


def assert_percentiles(group: Mapping[str, Any], samples: Sequence[Told]) -> None:
    for n, name in enumerate(MEASURES):
        values = sorted(sample.values[n] for sample in samples)
        assert group[name]["samples"] == len(values)
        for percent in (50, 95, 99):
            shown = group[name].get(f"p{percent}")
            exact = values[ceil(len(values) * percent / 100) - 1] if values else None
            assert shown == (None if exact is None else pytest.approx(exact, rel=0.02, abs=0.0005))


def test_answers_are_what_the_fleet_was_made_to_measure(
    integrator: Integrator, tmp_path: Path
) -> None:
    said = Simulation(integrator, tmp_path).run(*OPTIONS, "--rate", "40", "--duration", "5")
    _, accepted, _, _ = counts(said[-1])
    limits = count(400)

    def seen() -> int:
        # Another limit is another question, which nobody was answered a moment ago.
        page = integrator.get(f"{QUALITY}&limit={next(limits)}")
        samples: int = page["meta"]["all"]["latencyMs"]["samples"]
        return samples

    wait_until(lambda: seen() >= accepted, VISIBLE_SECONDS, "every sample")
    assert seen() == accepted
    planned = {device.client_id: device for device in plan_fleet(PLAN).devices}
    networks = {client_id: Network(device) for client_id, device in planned.items()}
    samples = {key: told(integrator, key, network) for key, network in networks.items()}
    assert sum(map(len, samples.values())) == accepted
    assert {planned[key].kind for key, each in samples.items() if each} >= {
        Kind.REGULAR,
        Kind.BAD_LINK,
        Kind.VERSION_WAVE,
        Kind.LATE,
        Kind.DUPLICATE,
        Kind.SILENT,
    }

    levels: dict[str, Counter[str]] = {}
    by_org: dict[str, list[Told]] = {}
    for device in integrator.get("/v1/devices?limit=1000")["data"]:
        key, org_id = device["clientId"], device["orgId"]
        level = "offline"
        if samples[key]:
            level, medians = quality(samples[key])
            shown = device["networkQuality"]
            assert shown["overall"] == level, planned[key].kind
            assert [shown[name] for name in MEASURES] == pytest.approx(medians, abs=0.00051)
            assert datetime.fromisoformat(shown["sampledAt"]) == samples[key][-1].at
            versions = {networks[key].version(sample.at) for sample in samples[key]}
            assert device["currentVersion"] in versions
        else:
            assert "networkQuality" not in device
        levels.setdefault(org_id, Counter())[level] += 1
        by_org.setdefault(org_id, []).extend(samples[key])
    for org in integrator.get("/v1/organizations")["data"]:
        shown = org["stats"]["networkQuality"]
        expected = levels[org["orgId"]]
        assert {name: shown[name] for name in ("good", "degraded", "poor", "offline")} == {
            name: expected[name] for name in ("good", "degraded", "poor", "offline")
        }

    page = integrator.get(QUALITY)
    for group in page["data"]:
        assert_percentiles(group, by_org[group["orgId"]])
    assert_percentiles(page["meta"]["all"], [each for some in by_org.values() for each in some])
    for group in integrator.get(f"{QUALITY}&groupBy=device&limit=100")["data"]:
        assert_percentiles(group, samples[group["clientId"]])

    table = packaged_table()
    macs = [parse_mac(networks[key].gateway_mac) for key, each in samples.items() if each]
    gateways = Counter((table.manufacturer(mac), table.kind(mac)) for mac in macs if mac)
    shown_gateways = integrator.get("/v1/analytics/gateways")["data"]
    assert gateways == {
        (each.get("manufacturer"), each["kind"]): each["devices"] for each in shown_gateways
    }
