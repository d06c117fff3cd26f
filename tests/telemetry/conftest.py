"""Truth, and a worker of whose moments the test decides."""

from collections.abc import AsyncIterator

import pytest

from partner_api.config import Databases
from partner_api.database.pools import acquired, create_pool
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.telemetry.digest import Digester
from tests.clock import StoppedClock
from tests.factories.tenants import Tenant
from tests.telemetry.drama import Drama
from tests.telemetry.truth import Truth, keeping_truth
from tests.worker import Worker


@pytest.fixture
async def truth(databases: Databases) -> AsyncIterator[Truth]:
    async with keeping_truth(databases.require_owner()) as truth:
        yield truth


@pytest.fixture
async def digester(
    databases: Databases, worker: Worker, clock: StoppedClock
) -> AsyncIterator[Digester]:
    """Digests when it is asked to, and nobody else does."""
    worker.is_away = True
    async with (
        await create_pool(databases.worker, size=1, settings=PLAN_SETTINGS) as pool,
        acquired(pool) as connection,
    ):
        yield Digester(connection, clock)
    worker.is_away = False


@pytest.fixture
def drama(tenant: Tenant, truth: Truth, digester: Digester, clock: StoppedClock) -> Drama:
    """Before its beginning."""
    return Drama(tenant, truth, digester, clock)
