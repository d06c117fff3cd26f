"""The worker, away for a whole test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.worker import Worker


@asynccontextmanager
async def away(worker: Worker, owner: AsyncEngine) -> AsyncIterator[Worker]:
    """Nothing is recorded unless the worker is asked to."""
    async with owner.begin() as connection:
        # Other tests' watermarks may lie in what is this test's future.
        await connection.execute(text("update sweep_watermark set swept_at = 'epoch'"))
    worker.is_away = True
    try:
        yield worker
    finally:
        worker.is_away = False


@pytest.fixture
async def absent(worker: Worker, owner: AsyncEngine) -> AsyncIterator[Worker]:
    """The worker, away until the test is over."""
    async with away(worker, owner):
        yield worker


@pytest.fixture(params=["there", "away"])
async def either(
    request: pytest.FixtureRequest, worker: Worker, owner: AsyncEngine
) -> AsyncIterator[Worker]:
    """The worker, once there and once away: no answer may depend on it."""
    if request.param == "there":
        yield worker
    else:
        async with away(worker, owner):
            yield worker
