"""Figures as they are answered: shapes, sums, whose they are, and what is refused."""

from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from partner_api.kernel.ids import uuid7
from partner_api.telemetry.series import Metric
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.telemetry.reading import SERIES, VERSIONS, figures, series

NAMES = {
    "health": {"healthy", "warning", "critical"},
    "connectivity": {"streaming", "idle", "offline"},
    "check-ins": {"checkIns"},
}


async def test_versions_count_the_same_devices_in_four_ways(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock
) -> None:
    tenant, channel = agent.tenant, f"c-{uuid4()}"
    second = await tenant.create_organization("Second")
    for version, os in (("2.0", "linux"), ("1.9", "linux"), ("2.0", "Windows")):
        await tenant.enroll(second, channel=channel, currentVersion=version, os=os, arch="x86_64")
    async with owner.begin() as connection:
        await publish_release(connection, channel, "2.0", None, clock)
    body = await figures(tenant, VERSIONS)
    assert body["meta"] == {"total": 4}
    data = body["data"]
    assert data["versions"] == [
        {"version": "2.0", "count": 2, "current": 2},
        {"version": "1.0.5.42", "count": 1, "current": 1},
        {"version": "1.9", "count": 1, "current": 0},
    ]
    assert data["os"] == [
        {"os": "linux", "count": 2, "current": 1},
        {"os": "Windows", "count": 1, "current": 1},
        {"os": "macOS", "count": 1, "current": 1},
    ]
    assert [row["arch"] for row in data["architectures"]] == ["x86_64", "arm64"]
    assert [row["channel"] for row in data["channels"]] == [channel, "stable"]
    for rows in data.values():
        assert sum(row["count"] for row in rows) == 4
    narrowed = await figures(tenant, VERSIONS, orgId=second)
    assert narrowed["meta"] == {"total": 3}
    assert narrowed["data"]["channels"] == [{"channel": channel, "count": 3, "current": 2}]


async def test_an_empty_fleet_has_figures_too(tenant: Tenant) -> None:
    body = await figures(tenant, VERSIONS)
    assert body["meta"] == {"total": 0}
    assert body["data"] == {"versions": [], "os": [], "architectures": [], "channels": []}
    for metric, names in NAMES.items():
        for point in await series(tenant, metric=metric):
            assert all(point[name] == 0 for name in names)


async def test_without_parameters_it_is_the_health_of_a_day(agent: Agent) -> None:
    body = await figures(agent.tenant, SERIES)
    assert body["meta"] == {"metric": "health", "window": "24h", "bucketSeconds": 900}
    *over, running = body["data"]
    assert len(over) in {96, 97}
    assert set(running) == {"timestamp", "partial", *NAMES["health"]}
    assert running["partial"] is True
    assert all(set(point) == {"timestamp", *NAMES["health"]} for point in over)
    assert (running["healthy"], running["critical"]) == (0, 1)


@pytest.mark.parametrize("metric", NAMES)
async def test_every_metric_of_devices_has_its_names(agent: Agent, metric: Metric) -> None:
    await agent.check_in()
    points = await series(agent.tenant, metric=metric, window="1h")
    assert all(set(point) - {"timestamp", "partial"} == NAMES[metric] for point in points)
    assert all(isinstance(point[name], int) for point in points for name in NAMES[metric])
    assert sum(points[-1][name] for name in NAMES[metric]) == 1


@pytest.mark.parametrize(
    ("metric", "value"),
    [(Metric.LATENCY, 18), (Metric.JITTER, 2), (Metric.PACKET_LOSS, 0)],
)
async def test_percentiles_are_there_where_something_was_measured(
    agent: Agent, metric: Metric, value: float
) -> None:
    network = {"interface": "wifi", "latencyMs": 18, "jitterMs": 2, "packetLossPct": 0}
    await agent.check_in(network=network)
    *before, running = await series(agent.tenant, metric=metric, window="1h")
    names = ("p50", "p95", "p99")
    assert [running[name] for name in names] == pytest.approx([value] * 3, rel=0.02)
    assert not any(name in point for point in before for name in names)


@pytest.mark.parametrize("metric", Metric)
async def test_every_metric_is_drawn(agent: Agent, metric: Metric) -> None:
    answer = await agent.tenant.get(f"{SERIES}?metric={metric}&format=svg")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert ET.fromstring(answer.text).tag.endswith("svg")  # noqa: S314 - our own


@pytest.mark.parametrize("path", [VERSIONS, SERIES, f"{SERIES}?metric=check-ins"])
async def test_an_organization_that_is_not_ones_own_is_not_found(
    agent: Agent, other_tenant: Tenant, clock: StoppedClock, path: str
) -> None:
    theirs = (await other_tenant.get("/v1/organizations")).json()["data"][0]["orgId"]
    separator = "&" if "?" in path else "?"
    for org_id in (theirs, f"org_{uuid7(clock.now())}"):
        answer = await agent.tenant.get(f"{path}{separator}orgId={org_id}")
        assert answer.status_code == 404
        assert answer.json() == {"error": "Not Found", "message": "Organization not found"}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("metric=speed", "metric"),
        ("metric=", "metric"),
        ("window=2h", "window"),
        ("window=", "window"),
        ("orgId=x", "orgId"),
        ("window=1h&window=24h", "window"),
    ],
)
async def test_what_is_refused_is_named(tenant: Tenant, query: str, name: str) -> None:
    answer = await tenant.get(f"{SERIES}?{query}")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(name)
