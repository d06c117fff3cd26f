"""Samples after a device, or the server, was away for long."""

from datetime import timedelta

import asyncpg

from partner_api.database.partitions import maintain_partitions
from partner_api.kernel.timestamps import format_timestamp
from tests.clock import StoppedClock
from tests.factories.tenants import Agent
from tests.telemetry.test_network_history import NETWORK, post, read, stretch


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
    await agent.check_in(network=NETWORK, metrics={"load": 1})
    clock.advance(days=40)
    await maintain_partitions(maintainer, clock.now())
    await agent.check_in(network=NETWORK)
    _, points = await read(agent)
    assert [point["timestamp"] for point in points] == [format_timestamp(clock.now())]
    assert (await agent.read())["networkQuality"]["overall"] == "good"
    asked = stretch(before - timedelta(hours=1), before + timedelta(hours=1))
    assert [point["latencyMs"] for point in (await read(agent, **asked, resolution="1d"))[1]] == [
        20.5
    ]
