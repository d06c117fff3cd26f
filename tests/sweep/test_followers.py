"""A release that outdates more devices than one chunk holds."""

import uuid

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from partner_api.sweep.chunks import AT_ONCE
from tests.clock import StoppedClock
from tests.devices.rows import device_row, insert_devices
from tests.factories.tenants import Tenant
from tests.history.conftest import away
from tests.worker import Worker

_COUNTERS = text(
    "select streaming_current, streaming_outdated from organization_counters where msp_id = :msp_id"
)
_STEPS = text(
    "select at, count(*) from device_transitions "
    "where msp_id = :msp_id and cause = 'release' group by at"
)


async def test_a_release_reaches_every_device_and_counts_are_right_all_along(
    tenant: Tenant, worker: Worker, owner: AsyncEngine, clock: StoppedClock
) -> None:
    org_id = await tenant.create_organization()
    channel, number, now = f"c-{uuid.uuid4()}", 2 * AT_ONCE + 300, clock.now()
    rows = [
        device_row(tenant, org_id, now, now, channel=channel, currentVersion="1.0")
        for _ in range(number)
    ]
    await insert_devices(owner, rows)
    clock.advance(seconds=10)
    async with away(worker, owner):
        async with owner.begin() as connection:
            await publish_release(connection, channel, "2.0", None, clock)
        published = clock.now()
        assert await _warnings(tenant) == number
        assert await _stored(owner, tenant) == (number, 0)
        clock.advance(seconds=30)
        await worker.work()
        assert await _warnings(tenant) == number
        assert await _stored(owner, tenant) == (0, number)
    async with owner.connect() as connection:
        steps = (await connection.execute(_STEPS, {"msp_id": tenant.msp_id})).all()
    assert [tuple(step) for step in steps] == [(published, number)]


async def _warnings(tenant: Tenant) -> int:
    stats = (await tenant.get(f"/v1/msp/{tenant.msp}/stats")).json()["data"]
    warning: int = stats["warning"]
    return warning


async def _stored(owner: AsyncEngine, tenant: Tenant) -> tuple[int, int]:
    async with owner.connect() as connection:
        row = (await connection.execute(_COUNTERS, {"msp_id": tenant.msp_id})).one()
    return row[0], row[1]
