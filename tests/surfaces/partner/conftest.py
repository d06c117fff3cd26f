"""One fleet for all the tests that only look at it."""

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clock import StoppedClock
from tests.factories.tenants import Agent, create_tenant


@pytest.fixture(scope="session")
async def first_agent(
    owner: AsyncEngine, http: httpx.AsyncClient, session_clock: StoppedClock
) -> Agent:
    session_clock.reset()
    for name in ("Gamma MSP", "Delta MSP"):
        tenant = await create_tenant(owner, http, session_clock, name)
        for organization in ("One", "Two"):
            agent = await tenant.enroll(await tenant.create_organization(organization))
    return agent


@pytest.fixture
def standing(first_agent: Agent, clock: StoppedClock) -> Agent:  # noqa: ARG001 - stands
    """A device of an MSP with two organizations, shared: a test may check it in, not undo it."""
    return first_agent
