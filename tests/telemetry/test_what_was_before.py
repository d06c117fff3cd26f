"""Samples after a device, or the server, was away for long."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from partner_api.database.partitions import maintain_partitions
from partner_api.kernel.timestamps import format_timestamp
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.telemetry.test_network_history import NETWORK, post, read, renew, stretch


def next_hour(clock: StoppedClock) -> datetime:
    return clock.now().replace(minute=0, second=0) + timedelta(hours=1)


async def post_latencies(agent: Agent, latencies: dict[datetime, float]) -> None:
    """Late or not, and none with a number: one cannot tell them from repeated ones by that."""
    for at, latency in latencies.items():
        network = {"interface": "ethernet", "latencyMs": latency}
        await post(agent, [at], network=network)


async def test_an_id_that_lived_before_shows_no_sample_twice(
    agent: Agent, clock: StoppedClock
) -> None:
    at = clock.now()
    await post(agent, [at])
    clock.advance(hours=3)
    await read(agent)
    tenant = agent.tenant
    assert (await tenant.delete(f"/v1/devices/{agent.client_id}")).status_code == 204
    again = await tenant.enroll(agent.org_id, clientId=agent.client_id)
    await post(again, [at])
    for resolution in ("raw", "1h"):
        _, points = await read(again, resolution=resolution)
        assert len(points) == 1
    answer = await tenant.get("/v1/analytics/network-quality", params={"groupBy": "device"})
    assert [each["latencyMs"]["samples"] for each in answer.json()["data"]] in ([], [1])


async def test_a_server_that_stood_still_for_weeks_goes_on(
    agent: Agent, clock: StoppedClock, maintainer: asyncpg.Connection
) -> None:
    before = clock.now()
    await agent.check_in(network=NETWORK)
    await read(agent)
    # This one was not digested before.
    clock.advance(minutes=1)
    await agent.check_in(network={**NETWORK, "latencyMs": 40.5}, metrics={"load": 1})
    clock.advance(days=40)
    await maintain_partitions(maintainer, clock.now())
    await agent.check_in(network=NETWORK)
    _, points = await read(agent)
    assert [point["timestamp"] for point in points] == [format_timestamp(clock.now())]
    assert (await agent.read())["networkQuality"]["overall"] == "good"
    asked = stretch(before - timedelta(hours=1), before + timedelta(hours=1))
    assert [point["latencyMs"] for point in (await read(agent, **asked, resolution="1d"))[1]] == [
        30.5
    ]


async def test_medians_are_of_samples_that_are_put_away_too(
    agent: Agent, clock: StoppedClock
) -> None:
    hour = next_hour(clock)
    clock.advance(seconds=(hour - clock.now()).total_seconds())
    await post_latencies(agent, {hour - timedelta(minutes=5): 10, hour - timedelta(minutes=2): 20})
    clock.advance(minutes=16)
    await renew(agent.tenant)
    await agent.read()
    await post_latencies(agent, {hour + timedelta(minutes=5): 90})
    assert (await agent.read())["networkQuality"]["latencyMs"] == 20
    # Nothing is newer than this, and yet it is news.
    await post_latencies(agent, {hour - timedelta(minutes=1): 10})
    assert (await agent.read())["networkQuality"]["latencyMs"] == 15


async def test_a_sample_is_shown_until_it_is_seven_days_old(
    agent: Agent, clock: StoppedClock
) -> None:
    hour = next_hour(clock)
    clock.advance(seconds=(hour + timedelta(minutes=30) - clock.now()).total_seconds())
    at = clock.now() - timedelta(days=7)
    await post_latencies(agent, {at + timedelta(minutes=1): 10})
    _, points = await read(agent, **stretch(at, clock.now()), resolution="raw")
    assert [point["latencyMs"] for point in points] == [10]


async def test_a_sample_repeated_after_seven_days_counts_once(
    agent: Agent, clock: StoppedClock
) -> None:
    hour = next_hour(clock)
    clock.advance(seconds=(hour + timedelta(minutes=30) - clock.now()).total_seconds())
    old = clock.now() - timedelta(days=6, hours=20)
    # There are samples of this hour; then none is shown any more.
    await post_latencies(agent, {old: 10})
    await renew(agent.tenant)
    await agent.read()
    clock.advance(days=1)
    for _ in range(3):
        await renew(agent.tenant)
        await post_latencies(agent, {old + timedelta(minutes=1): 40, clock.now(): 1})
        clock.advance(minutes=1)
        await agent.read()
    asked = stretch(old - timedelta(hours=1), old + timedelta(hours=1))
    _, points = await read(agent, **asked, resolution="1h")
    assert [point["latencyMs"] for point in points] == [25]


async def test_a_late_report_of_a_gateway_is_no_news(agent: Agent, clock: StoppedClock) -> None:
    def behind(mac: str) -> dict[str, Any]:
        gateway = {"ip": "192.0.2.1", "mac": mac, "responseMs": 1}
        return {"interface": "ethernet", "gateway": gateway}

    start = clock.now()
    known, chosen = "24:5a:4c:00:00:01", "02:aa:bb:00:00:01"
    for minutes, mac in ((0, known), (2, known), (1, chosen)):
        clock.advance(minutes=5)
        await post(agent, [start + timedelta(minutes=minutes)], network=behind(mac))
        await agent.read()
    answer = await agent.tenant.get("/v1/analytics/gateways")
    assert answer.json()["data"] == [
        {"manufacturer": "Ubiquiti Inc", "kind": "known", "devices": 1}
    ]


@pytest.mark.parametrize("path", ["network-quality", "gateways"])
async def test_an_empty_fleet_has_figures_too(tenant: Tenant, path: str) -> None:
    answer = await tenant.get(f"/v1/analytics/{path}")
    assert answer.status_code == 200
    assert answer.json()["data"] == []
    assert answer.json()["meta"]["total"] == 0
