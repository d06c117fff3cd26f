"""The very moments: thresholds, and news that came to light together."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from partner_api.status.rules import Connection
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.machine.support import Step, change_thresholds, history
from tests.worker import Worker

MICROSECOND = timedelta(microseconds=1)


async def test_a_device_moves_shortly_before_it_goes_idle(
    agent: Agent, clock: StoppedClock
) -> None:
    target = await agent.tenant.create_organization("Target")
    await agent.check_in()
    clock.advance(seconds=270)
    moved = await agent.tenant.patch(f"/v1/devices/{agent.client_id}", json={"orgId": target})
    assert moved.status_code == 200, moved.text


@pytest.mark.parametrize("seconds", [3600, 86400])
async def test_the_sweep_ends_at_the_very_moment_of_a_threshold(
    agent: Agent, clock: StoppedClock, worker: Worker, seconds: int
) -> None:
    await agent.check_in()
    clock.advance(seconds=seconds - 1)
    await worker.work()
    clock.advance(seconds=1)
    async with asyncio.timeout(2):
        await worker.work()


async def test_a_release_and_settings_step_each_at_its_own_moment(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock, worker: Worker
) -> None:
    channel = f"c-{uuid.uuid4()}"
    agent = await tenant.enroll(await tenant.create_organization(), channel=channel)
    seen = clock.now()
    await agent.check_in()
    published = clock.advance(seconds=100)
    async with owner.begin() as connection:
        await publish_release(connection, channel, "9.0", None, clock)
    changed = clock.advance(seconds=100)
    await change_thresholds(owner, tenant, agent.org_id, changed, 60, 3600, 86400)
    await worker.work()
    assert (await agent.read())["connectionState"] == Connection.IDLE
    assert await history(owner, agent) == [
        Step(seen, None, 6, "enrolled"),
        Step(seen + MICROSECOND, 6, 0, "check-in"),
        Step(published, 0, 1, "release"),
        Step(changed, 1, 3, "settings"),
    ]


async def test_a_release_does_not_outdate_a_device_before_it_was_published(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock, worker: Worker
) -> None:
    channel = f"c-{uuid.uuid4()}"
    agent = await tenant.enroll(await tenant.create_organization(), channel=channel)
    seen = clock.now()
    await agent.check_in(sequence=1)
    observed = clock.advance(seconds=100)
    published = clock.advance(seconds=100)
    async with owner.begin() as connection:
        await publish_release(connection, channel, "9.0", None, clock)
    await agent.check_in(sequence=2, observedAt=observed.isoformat(), assetId="NEWS")
    await worker.work()
    assert await history(owner, agent) == [
        Step(seen, None, 6, "enrolled"),
        Step(seen + MICROSECOND, 6, 0, "check-in"),
        Step(published, 0, 1, "release"),
    ]
