"""One fleet for all the tests that only look at it, and webhooks."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.app import create_app, open_services
from partner_api.config import Databases, Settings
from partner_api.surfaces.partner.services import Services
from tests.clock import StoppedClock
from tests.conftest import RING
from tests.factories.tenants import Agent, Tenant, create_tenant
from tests.surfaces.partner.hooks import create_webhook
from tests.webhooks.queue import Queue


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


@pytest.fixture(scope="session")
async def lan_services(
    databases: Databases, session_clock: StoppedClock
) -> AsyncIterator[Services]:
    """A server whose webhooks may reach this machine, unencrypted."""
    settings = Settings(
        webhook_allow_http=True, webhook_allowed_networks=(ip_network("127.0.0.0/8"),)
    )
    async with open_services(settings, databases, RING, session_clock) as services:
        yield services


@pytest.fixture(scope="session")
async def lan_http(lan_services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(lan_services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://lan.test") as client:
        yield client


@pytest.fixture
def present(clock: StoppedClock) -> None:
    """The server's clock says what receivers' own do: they refuse what is old."""
    clock.advance(seconds=(datetime.now(UTC) - clock.now()).total_seconds())


@pytest.fixture
def lan_tenant(tenant: Tenant, lan_http: httpx.AsyncClient) -> Tenant:
    """An MSP that calls that server."""
    return replace(tenant, http=lan_http)


@pytest.fixture
async def queue(tenant: Tenant, databases: Databases, clock: StoppedClock) -> AsyncIterator[Queue]:
    """A webhook, with whatever deliveries a test gives it."""
    webhook_id = (await create_webhook(tenant))["id"]
    connection = await asyncpg.connect(databases.require_owner())
    yield Queue(connection, clock, tenant, webhook_id)
    await connection.close()
