"""What API processes of the release before leave, while an upgrade is under way."""

import uuid

import asyncpg
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.devices.models import Device
from partner_api.identity.secrets import TokenKind, new_keyed_token
from tests.clock import StoppedClock
from tests.devices.rows import device_row
from tests.factories.tenants import Agent, Tenant


async def test_a_device_that_the_release_before_enrolled_checks_in(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    org_id = await tenant.create_organization()
    token = new_keyed_token(TokenKind.DEVICE, tenant.msp_id, uuid.uuid4())
    row = device_row(tenant, org_id, clock.now(), None)
    row |= {"client_id": token.row_id, "token_hash": token.hash}
    async with owner.begin() as connection:
        await connection.execute(insert(Device), row)
    agent = Agent(tenant, str(token.row_id), org_id, token.text)
    assert (await agent.post_check_in()).status_code == 200


async def test_check_ins_that_the_release_before_relays_are_written(
    agent: Agent, owner: AsyncEngine, databases: Databases, clock: StoppedClock
) -> None:
    await agent.check_in()
    clock.advance(seconds=60)
    client_id = uuid.UUID(agent.client_id)
    async with owner.connect() as connection:
        digest = await connection.scalar(
            select(Device.facts_digest).where(Device.client_id == client_id)
        )
    ingest = await asyncpg.connect(databases.ingest)
    written = await ingest.fetchval(
        "select check_in_relayed($1, $2, $3, $4, $5, $6)",
        agent.tenant.msp_id,
        [client_id, uuid.uuid4()],
        [clock.now()] * 2,
        [None] * 2,
        [digest] * 2,
        clock.now(),
    )
    await ingest.close()
    assert written == [1]
    assert (await agent.read())["checkInCount"] == 2
