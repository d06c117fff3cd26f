"""A worker that dies after any statement of its work leaves nothing out for the next one."""

import asyncio
import contextlib
import uuid

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.devices.releases import publish_release
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.sweep.followers import Followers
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.machine.crashes import CrashError, Fuse, dying_pool
from tests.machine.support import change_thresholds, stored
from tests.worker import Worker

# More than the statements of following one release and one organization's settings.
_STATEMENTS = 14


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_release_and_settings_reach_their_devices_whenever_a_worker_dies(
    tenant: Tenant,
    owner: AsyncEngine,
    databases: Databases,
    worker: Worker,
    clock: StoppedClock,
    after: bool,
) -> None:
    channel = f"c-{uuid.uuid4()}"
    await worker.follow()
    deaths = 0
    for statement in range(1, _STATEMENTS):
        agent = await _streaming(tenant, f"{channel}-{statement}")
        async with owner.begin() as connection:
            await publish_release(connection, f"{channel}-{statement}", "9.0", None, clock)
        await change_thresholds(owner, tenant, agent.org_id, clock.now(), 60, 120, 180)
        fuse = Fuse(statement, after=after)
        async with dying_pool(databases.worker, fuse, PLAN_SETTINGS) as pool:
            with contextlib.suppress(CrashError):
                await Followers(pool, clock).work()
            deaths += fuse.statements <= 0
        await asyncio.wait_for(worker.follow(), 20)
        row = await stored(owner, agent)
        assert (row["is_current"], row["streaming_seconds"]) == (False, 60), statement
    assert deaths >= 6


async def _streaming(tenant: Tenant, channel: str) -> Agent:
    agent = await tenant.enroll(await tenant.create_organization(), channel=channel)
    await agent.check_in()
    return agent
