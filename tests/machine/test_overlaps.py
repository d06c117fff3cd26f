"""Transactions that overlap: whoever judged a device before a change was known is judged again."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.devices.facts import FACT_NAMES
from partner_api.devices.releases import publish_release
from partner_api.kernel.ids import ClientId, format_client_id, parse_client_id
from partner_api.provisioning.enrollment import Registration, register_devices
from partner_api.surfaces.partner.services import Services
from tests.clock import StoppedClock
from tests.factories.tenants import FACTS, Agent, Tenant
from tests.machine.support import change_thresholds, stored, uuid_of
from tests.worker import Worker


@asynccontextmanager
async def holding(owner: AsyncEngine, *agents: Agent) -> AsyncIterator[None]:
    """Somebody else's transaction that has locked devices' rows."""
    async with owner.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        async with raw.transaction():
            for agent in agents:
                await raw.execute(
                    "select from devices where msp_id = $1 and client_id = $2 for update",
                    agent.tenant.msp_id,
                    parse_client_id(agent.client_id),
                )
            yield


@asynccontextmanager
async def another_worker(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(databases.worker)
    try:
        yield connection
    finally:
        await connection.close()


async def until_waiting(owner: AsyncEngine, connection: asyncpg.Connection) -> None:
    """Returns once a connection's statement waits for a lock."""
    pid = connection.get_server_pid()
    async with asyncio.timeout(5), owner.connect() as watcher:
        raw = (await watcher.get_raw_connection()).driver_connection
        assert raw is not None
        # There is nothing to await: only the database knows who waits for whom.
        while not await raw.fetchval("select cardinality(pg_blocking_pids($1)) > 0", pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def two_devices(tenant: Tenant, **facts: Any) -> tuple[Agent, Agent]:
    """Two that stream, in an organization each; the first has the lower id, locked first."""
    first, second = sorted(str(uuid.uuid4()) for _ in range(2))
    agents = (
        await tenant.enroll(await tenant.create_organization("One"), clientId=first, **facts),
        await tenant.enroll(await tenant.create_organization("Two"), clientId=second),
    )
    for agent in agents:
        await agent.check_in()
    return agents


async def follow(
    connection: asyncpg.Connection, moment: datetime, cause: str, *agents: Agent
) -> None:
    ids = [parse_client_id(agent.client_id) for agent in agents]
    await connection.execute(
        "select follow($1, $2, $3, $4, $3)", agents[0].tenant.msp_id, ids, moment, cause
    )


async def test_a_release_reaches_a_device_that_enrolled_while_it_was_published(
    tenant: Tenant, owner: AsyncEngine, services: Services, worker: Worker, clock: StoppedClock
) -> None:
    channel = f"c-{uuid.uuid4()}"
    org_id = await tenant.create_organization()
    facts = tuple((FACTS | {"channel": channel}).get(name) for name in FACT_NAMES)
    device = Registration(ClientId(uuid.uuid4()), uuid_of(org_id), facts)
    async with services.tenancy.session(tenant.msp_id) as session:
        async with owner.begin() as publishing:
            await publish_release(publishing, channel, "9.0", None, clock)
            await register_devices(session, [device], clock.now())
        await worker.follow()
        await session.commit()
    answer = await tenant.get(f"/v1/devices/{format_client_id(device.client_id)}")
    assert answer.json()["data"]["isCurrentVersion"] is False


async def test_a_release_outlives_settings_that_were_being_followed(
    tenant: Tenant,
    owner: AsyncEngine,
    databases: Databases,
    worker: Worker,
    clock: StoppedClock,
) -> None:
    channel = f"c-{uuid.uuid4()}"
    first, second = await two_devices(tenant)
    await second.check_in(channel=channel, sequence=2)
    async with another_worker(databases) as slow, owner.connect() as publishing:
        await publish_release(publishing, channel, "9.0", None, clock)
        async with holding(owner, first):
            following = asyncio.create_task(follow(slow, clock.now(), "settings", first, second))
            await until_waiting(owner, slow)
            await publishing.commit()
            # Waits for the other, which may have judged the second device already.
            await worker.follow()
        await following
    assert (await second.read())["isCurrentVersion"] is False


async def test_settings_outlive_a_release_that_was_being_followed(
    tenant: Tenant,
    owner: AsyncEngine,
    databases: Databases,
    worker: Worker,
    clock: StoppedClock,
) -> None:
    first, second = await two_devices(tenant)
    clock.advance(seconds=301)
    async with another_worker(databases) as slow:
        async with holding(owner, first):
            following = asyncio.create_task(follow(slow, clock.now(), "release", first, second))
            await until_waiting(owner, slow)
            await change_thresholds(owner, tenant, second.org_id, clock.now(), 60, 120, 180)
            await worker.follow()
            assert (await stored(owner, second))["streaming_seconds"] == 60
        await following
    assert (await stored(owner, second))["streaming_seconds"] == 60
