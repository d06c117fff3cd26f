"""A small fleet that hostile requests are aimed at, looked over before and after each."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clock import StoppedClock
from tests.factories.tenants import create_tenant
from tests.hostile.victims import Victim

INFO = {"severity": "INFO", "payload": {"type": "network_check"}}


@pytest.fixture(scope="session")
async def target(
    owner: AsyncEngine, http: httpx.AsyncClient, session_clock: StoppedClock
) -> Victim:
    """A device with a check-in and a log entry, the only one of its MSP."""
    session_clock.reset()
    tenant = await create_tenant(owner, http, session_clock, "Target MSP")
    org_id = await tenant.create_organization()
    agent = await tenant.enroll(org_id, assetId="ACME-MBP-0042")
    await agent.check_in(sequence=1)
    assert (await agent.post_logs([INFO])).status_code == 202
    return Victim(agent, await tenant.create_enrollment_token(org_id))


@pytest.fixture
async def victim(
    target: Victim,
    clock: StoppedClock,  # noqa: ARG001 - stands
) -> AsyncIterator[Victim]:
    """The same target for every test; afterwards nothing of it may be lost, added or changed."""
    before = await target.everything()
    yield target
    assert await target.everything() == before
