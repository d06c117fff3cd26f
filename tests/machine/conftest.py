"""The parts of the real server that dramas are played on."""

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.surfaces.partner.services import Services
from tests.clock import StoppedClock
from tests.machine.drama import Parts
from tests.worker import Worker


@pytest.fixture
def parts(
    http: httpx.AsyncClient,
    owner: AsyncEngine,
    services: Services,
    databases: Databases,
    worker: Worker,
    clock: StoppedClock,
) -> Iterator[Parts]:
    """Everything, with a worker that works only when it is asked to."""
    worker.is_away = True
    yield Parts(http, owner, services, databases, worker, clock)
    worker.is_away = False
