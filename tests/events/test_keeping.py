"""How long events are kept: thirty days, and check-ins for one."""

from uuid import uuid4

import asyncpg

from partner_api.database.partitions import maintain_partitions
from tests.clock import StoppedClock
from tests.events.log import Log
from tests.factories.tenants import Tenant

_KINDS = """
    select type from events where msp_id = $1 and type like 'device.%' order by position"""


async def test_check_ins_go_after_a_day_and_all_else_after_thirty(
    log: Log, tenant: Tenant, maintainer: asyncpg.Connection, clock: StoppedClock
) -> None:
    device = uuid4()

    async def kinds() -> list[str]:
        # Asked of the database: no token lives that long.
        rows = await log.writing.fetch(_KINDS, tenant.msp_id)
        return [row["type"] for row in rows]

    await log.add(tenant, "device.online", "device.checkin", "device.offline", client_id=device)
    clock.advance(hours=23)
    await maintain_partitions(maintainer, clock.now())
    assert await kinds() == ["device.online", "device.checkin", "device.offline"]
    # Days are dropped whole, so that none goes early.
    clock.advance(hours=25)
    await maintain_partitions(maintainer, clock.now())
    assert await kinds() == ["device.online", "device.offline"]
    clock.advance(days=28, hours=-1)
    await maintain_partitions(maintainer, clock.now())
    assert await kinds() == ["device.online", "device.offline"]
    clock.advance(days=1, hours=1)
    await maintain_partitions(maintainer, clock.now())
    assert await kinds() == []
    await log.add(tenant, "device.deleted", client_id=device)
    assert await kinds() == ["device.deleted"]
