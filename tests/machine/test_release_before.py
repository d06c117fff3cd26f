"""What API processes of the release before leave, while an upgrade is under way."""

import uuid

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

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
