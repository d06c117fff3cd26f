"""A worker that delivers when a test says so."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from partner_api.config import Databases
from partner_api.database.pools import acquired, create_pool
from partner_api.events.numbering import Numberer
from partner_api.ingest.check_ins import PLAN_SETTINGS
from tests.clock import StoppedClock
from tests.events.log import Log
from tests.webhooks.post import Post


@pytest.fixture(scope="session")
async def delivering(databases: Databases) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(databases.worker, size=4, settings=PLAN_SETTINGS) as pool:
        yield pool


@pytest.fixture
async def post(
    delivering: asyncpg.Pool, databases: Databases, clock: StoppedClock
) -> AsyncIterator[Post]:
    owner = await asyncpg.connect(databases.require_owner())
    async with await create_pool(databases.worker, size=1) as pool, acquired(pool) as connection:
        log = Log(owner, Numberer(connection, clock), clock)
        yield Post(owner, delivering, log, clock)
    # What a test leaves queued is not the next one's.
    await owner.execute("update webhooks set is_enabled = false")
    await owner.close()
