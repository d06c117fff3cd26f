"""Samples become what is known of devices: each once, wherever and whenever it was measured."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.kernel.timestamps import format_timestamp
from tests.clock import StoppedClock
from tests.factories.tenants import Agent
from tests.worker import Worker

NETWORK = {"interface": "wifi", "latencyMs": 20, "jitterMs": 2, "packetLossPct": 0}


async def read(agent: Agent, path: str) -> Any:
    answer = await agent.tenant.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_device_shows_the_medians_of_a_quarter_of_an_hour(
    agent: Agent, clock: StoppedClock
) -> None:
    assert "networkQuality" not in await agent.read()
    for latency in (900, 20, 30, 40):
        await agent.check_in(network={**NETWORK, "latencyMs": latency})
        clock.advance(minutes=5)
    shown = (await agent.read())["networkQuality"]
    sampled_at = format_timestamp(clock.start + timedelta(minutes=15))
    assert shown == {
        "overall": "good",
        "latencyMs": 30,
        "jitterMs": 2,
        "packetLossPct": 0,
        "sampledAt": sampled_at,
    }
    counts = (await read(agent, "/v1/organizations"))["data"][0]["stats"]["networkQuality"]
    assert counts == {"good": 1, "degraded": 0, "poor": 0, "offline": 0, "overall": "good"}
    clock.advance(minutes=10)
    assert (await agent.read())["networkQuality"]["overall"] == "offline"
    counts = (await read(agent, "/v1/organizations"))["data"][0]["stats"]["networkQuality"]
    assert counts == {"good": 0, "degraded": 0, "poor": 0, "offline": 1, "overall": "offline"}


async def test_a_device_shows_what_it_last_told_when_it_is_asked_for(
    agent: Agent, clock: StoppedClock
) -> None:
    gateway = {"ip": "192.0.2.1", "mac": "B8-27-EB-00-00-01"}
    interfaces = [{"name": "en0", "type": "wifi", "counters": {"rxBytes": 17}}]
    await agent.check_in(network={**NETWORK, "gateway": gateway}, metrics={"load1": 0.5})
    clock.advance(minutes=1)
    await agent.check_in(interfaces=interfaces, metrics={"load1": 1.5})
    path = f"/v1/devices/{agent.client_id}?include=network,interfaces,metrics"
    for shown in (
        (await read(agent, path))["data"],
        (await read(agent, path.replace(f"/{agent.client_id}", "")))["data"][0],
    ):
        assert shown["network"] == {
            "interface": "wifi",
            "gateway": {"ip": "192.0.2.1", "mac": "b8:27:eb:00:00:01"},
        }
        assert (shown["interfaces"], shown["metrics"]) == (interfaces, {"load1": 1.5})
    assert not {"network", "interfaces", "metrics"} & (await agent.read()).keys()
    (counted,) = (await read(agent, "/v1/analytics/gateways"))["data"]
    assert counted == {"manufacturer": "Raspberry Pi Foundation", "kind": "known", "devices": 1}


@pytest.mark.parametrize("is_one_batch", [False, True])
async def test_a_device_that_leaves_its_router_is_not_counted_behind_it(
    agent: Agent, clock: StoppedClock, *, is_one_batch: bool
) -> None:
    gateway = {"ip": "192.0.2.1", "mac": "b8:27:eb:00:00:01"}
    samples: list[dict[str, Any]] = [
        {"network": {**NETWORK, "gateway": gateway}},
        {"metrics": {"load1": 0.5}},
        {"network": {**NETWORK, "interface": "cellular"}},
    ]
    items = [
        {**sample, "observedAt": format_timestamp(clock.now() - timedelta(seconds=9 - n))}
        for n, sample in enumerate(samples)
    ]
    path = f"/v1/analytics/gateways?orgId={agent.org_id}"
    if is_one_batch:
        await agent.check_in(checkIns=items)
    else:
        for item, is_behind in zip(items, (True, True, False), strict=True):
            await agent.check_in(**item)
            for each in (path, "/v1/analytics/gateways"):
                assert bool((await read(agent, each))["data"]) is is_behind
    assert (await read(agent, path))["data"] == []


async def test_counters_that_are_wrong_are_mended(
    agent: Agent, worker: Worker, owner: AsyncEngine
) -> None:
    await agent.check_in(network=NETWORK)
    await agent.read()
    msp_id = agent.tenant.msp_id
    async with owner.begin() as connection:
        spoil = text("update network_counters set good = 7, poor = 3 where msp_id = :msp_id")
        await connection.execute(spoil, {"msp_id": msp_id})
    assert await worker.recount() >= 1
    counts = (await read(agent, "/v1/organizations"))["data"][0]["stats"]["networkQuality"]
    assert (counts["good"], counts["poor"]) == (1, 0)
    assert await worker.recount() == 0


async def test_a_device_is_counted_where_it_is_whatever_its_row_says(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock
) -> None:
    other = await agent.tenant.create_organization("Elsewhere")
    await agent.check_in(network=NETWORK)
    await agent.read()
    # As who moved it a moment ago may find it when it had no row yet.
    keys = {"msp_id": agent.tenant.msp_id, "org_id": other.removeprefix("org_")}
    async with owner.begin() as connection:
        for statement in (
            "update network_live set org_id = cast(:org_id as uuid) where msp_id = :msp_id",
            "update network_counters set good = 0 where msp_id = :msp_id",
            "insert into network_counters values (:msp_id, cast(:org_id as uuid), 1, 0, 0)",
        ):
            await connection.execute(text(statement), keys)
    for load in (1, 2, 3):
        clock.advance(minutes=1)
        await agent.check_in(metrics={"load1": load})
        listed = (await read(agent, "/v1/organizations"))["data"]
        good = {each["orgId"]: each["stats"]["networkQuality"]["good"] for each in listed}
        assert good == {agent.org_id: 1, other: 0}


async def test_a_silent_device_is_offline_also_while_nobody_digests(
    agent: Agent, clock: StoppedClock, worker: Worker
) -> None:
    await agent.check_in(network=NETWORK)
    assert (await agent.read())["networkQuality"]["overall"] == "good"
    worker.is_away = True
    try:
        clock.advance(minutes=15)
        assert (await agent.read())["networkQuality"]["overall"] == "offline"
    finally:
        worker.is_away = False
