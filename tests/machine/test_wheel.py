"""The sweep that goes on from where it was, on a table of more pages than it reads at once."""

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.devices.edits import DeviceEdit, edit_device
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.surfaces.partner.services import Services
from partner_api.sweep.sweeper import Sweeper
from partner_api.sweep.wheel import PAGES
from tests.clock import StoppedClock
from tests.devices.rows import device_row, insert_devices
from tests.factories.tenants import Tenant
from tests.machine.support import uuid_of

LARGE = {"userName": "x" * 200, "userEmail": "y" * 320, "referrer": "z" * 500}


async def test_a_row_that_an_edit_moved_to_another_page_is_swept_in_time(
    tenant: Tenant,
    owner: AsyncEngine,
    services: Services,
    databases: Databases,
    clock: StoppedClock,
) -> None:
    org_id = await tenant.create_organization()
    now = clock.now()
    seen = [device_row(tenant, org_id, now, now) for _ in range(100)]
    await insert_devices(owner, seen)
    await insert_devices(owner, [device_row(tenant, org_id, now, None) for _ in range(1500)])
    connection = await asyncpg.connect(databases.worker, server_settings=PLAN_SETTINGS)
    try:
        sweeper = Sweeper(connection, clock)  # type: ignore[arg-type]
        await _sweep_after(sweeper, clock, 259)
        await _sweep_after(sweeper, clock, 40)
        before = await _ranges(owner, org_id)
        async with services.tenancy.session(tenant.msp_id) as session:
            for row in seen:
                await edit_device(session, row["client_id"], DeviceEdit(facts=LARGE), clock)
            await session.commit()
        if await _ranges(owner, org_id) <= before:
            raise RuntimeError("no row left the ranges that are read again in time")
        await _sweep_after(sweeper, clock, 2)
    finally:
        await connection.close()
    assert await _streaming(owner, org_id) == 0


async def _sweep_after(sweeper: Sweeper, clock: StoppedClock, seconds: float) -> None:
    clock.advance(seconds=seconds)
    await sweeper.sweep()


async def _ranges(owner: AsyncEngine, org_id: str) -> set[int]:
    """Which ranges of pages the devices that were seen lie in."""
    statement = text(
        "select distinct (ctid::text::point)[0]::bigint / :pages from devices "
        "where org_id = :org_id and last_seen is not null"
    )
    async with owner.connect() as connection:
        rows = await connection.scalars(statement, {"pages": PAGES, "org_id": uuid_of(org_id)})
        return set(rows)


async def _streaming(owner: AsyncEngine, org_id: str) -> int:
    statement = text("select count(*) from devices where org_id = :org_id and stage = 0")
    async with owner.connect() as connection:
        count: int = (await connection.execute(statement, {"org_id": uuid_of(org_id)})).scalar_one()
    return count
