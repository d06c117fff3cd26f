"""Changes of settings at the same time as whatever copies them."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.organizations.service import create_organization
from partner_api.organizations.settings import change_msp_settings
from partner_api.settings.levels import server_level
from partner_api.settings.names import Setting
from partner_api.surfaces.partner.services import Services
from partner_api.tenancy.session import TenantSession
from tests.clock import StoppedClock
from tests.factories.tenants import FACTS, Tenant
from tests.settings.chosen import MSP, choose, in_force, of, pending, read
from tests.worker import Worker

Work = Callable[[TenantSession], Awaitable[object]]


@pytest.fixture
def creates(clock: StoppedClock) -> Work:
    return lambda session: create_organization(session, "New", clock)


@pytest.fixture
def changes(clock: StoppedClock) -> Work:
    change = {Setting.STREAMING: 60}
    return lambda session: change_msp_settings(session, server_level(240), change, clock)


@pytest.mark.parametrize("order", ["create first", "change first"])
async def test_a_new_organization_and_a_change_wait_for_each_other(
    tenant: Tenant,
    other_tenant: Tenant,
    owner: AsyncEngine,
    services: Services,
    creates: Work,
    changes: Work,
    order: str,
) -> None:
    first, second = (creates, changes) if order == "create first" else (changes, creates)
    async with (
        services.tenancy.session(tenant.msp_id) as one,
        services.tenancy.session(tenant.msp_id) as other,
    ):
        await first(one)
        waiting = asyncio.create_task(_committed(other, second))
        # Another MSP waits for neither.
        await choose(other_tenant, streamingSeconds=100)
        await other_tenant.create_organization("Undisturbed")
        assert not waiting.done()
        await one.commit()
        await waiting
    assert [row[0] for row in (await in_force(owner, tenant)).values()] == [60]
    expected = 1 if order == "create first" else 0
    assert len(await pending(owner, tenant)) == expected


async def _committed(session: TenantSession, work: Work) -> None:
    await work(session)
    await session.commit()


async def test_organizations_are_made_side_by_side(
    tenant: Tenant, services: Services, creates: Work
) -> None:
    """Only a change of settings has them wait."""
    async with (
        services.tenancy.session(tenant.msp_id) as one,
        services.tenancy.session(tenant.msp_id) as other,
    ):
        await creates(one)
        async with asyncio.timeout(3):
            await create_organization(other, "Another", services.clock)
        await other.commit()
        await one.commit()


async def test_whatever_happens_at_once_every_row_ends_up_as_chosen(
    tenant: Tenant, owner: AsyncEngine, worker: Worker
) -> None:
    chance = random.Random(5)
    org_ids = [await tenant.create_organization(f"Customer {number}") for number in range(4)]

    async def patch(path: str) -> httpx.Response:
        names = ("streamingSeconds", "onlineSeconds", "checkInIntervalSeconds")
        chosen = {name: chance.choice([None, chance.randrange(60, 3600)]) for name in names}
        return await tenant.patch(path, json=chosen)

    async def relay() -> httpx.Response:
        items = [
            {"clientId": str(UUID(int=chance.getrandbits(128))), "orgId": org_id, **FACTS}
            for org_id in chance.sample(org_ids, 3)
        ]
        return await tenant.post("/v1/check-ins", json={"checkIns": items})

    async def create() -> httpx.Response:
        return await tenant.post("/v1/organizations", json={"name": "Rush Hour"})

    for _ in range(4):
        answers = await asyncio.gather(
            *(patch(MSP) for _ in range(3)),
            *(patch(of(org_id)) for org_id in org_ids),
            *(relay() for _ in range(3)),
            *(create() for _ in range(2)),
            worker.follow(),
        )
        statuses = [answer.status_code for answer in answers if answer is not None]
        assert set(statuses) <= {200, 201, 400}
    for org_id, held in (await in_force(owner, tenant)).items():
        assert _columns(await read(tenant, of(org_id))) == held
    await worker.work()
    assert await pending(owner, tenant) == {}


def _columns(data: dict[str, Any]) -> tuple[int, int, int, int | None]:
    interval = data["checkInIntervalSeconds"]
    return (
        data["streamingSeconds"],
        data["onlineSeconds"],
        data["criticalSeconds"],
        None if interval == 240 else interval,
    )
