"""Events as they come to be: written, and numbered when a test says so."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from partner_api.app import create_app
from partner_api.config import Databases
from partner_api.database.pools import acquired, create_pool
from partner_api.events.numbering import Numberer
from partner_api.surfaces.partner.services import Services
from tests.clock import StoppedClock
from tests.events.log import Log
from tests.events.streams import Streams


@pytest.fixture(scope="session")
async def numbering(databases: Databases) -> AsyncIterator[asyncpg.Pool]:
    async with await create_pool(databases.worker, size=1) as pool:
        yield pool


@pytest.fixture
async def log(
    numbering: asyncpg.Pool, databases: Databases, clock: StoppedClock
) -> AsyncIterator[Log]:
    """Writes events past all services, and gives them their places."""
    writing = await asyncpg.connect(databases.require_owner())
    async with acquired(numbering) as connection:
        yield Log(writing, Numberer(connection, clock), clock)
    await writing.close()


@pytest.fixture
def streams(services: Services) -> Streams:
    """Opens streams of events."""
    return Streams(create_app(services))
