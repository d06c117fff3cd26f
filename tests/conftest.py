"""One embedded PostgreSQL for each process of a run, migrated as in production; the real server.

Tests do not clean up: each makes MSPs of its own, and no MSP sees another's rows.
"""

import base64
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import hypothesis
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.app import create_app, open_services
from partner_api.config import Databases, SecretKey, Settings
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.engine import create_engine
from partner_api.database.migrations import upgrade
from partner_api.database.partitions import maintain_partitions
from partner_api.database.pools import create_pool
from partner_api.fleet import counts
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.surfaces.partner.services import Services
from partner_api.telemetry import memory
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant, create_tenant
from tests.worker import Worker

# How long an example takes tells of the machine, not of the code.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

RING = [SecretKey("test", b"t" * 32)]


@pytest.fixture(scope="session")
def secret_keys() -> str:
    """The ring as the setting spells it."""
    return f"test:{base64.b64encode(RING[0].secret).decode()}"


@contextmanager
def passable_folder() -> Iterator[Path]:
    """A folder of our own that other accounts may pass through.

    Under root PostgreSQL runs as an account of its own, and pytest's folders are closed to it.
    """
    with tempfile.TemporaryDirectory(prefix="partner-api-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[EmbeddedCluster]:
    with passable_folder() as folder:
        cluster = EmbeddedCluster(folder / "data")
        with cluster.join():
            yield cluster


@pytest.fixture(scope="session")
def session_clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def clock(session_clock: StoppedClock) -> Iterator[StoppedClock]:
    """The server's clock; stands at the same instant when each test begins."""
    session_clock.reset()
    yield session_clock
    session_clock.reset()


@pytest.fixture(scope="session")
async def databases(cluster: EmbeddedCluster, session_clock: StoppedClock) -> Databases:
    with cluster.join() as databases:
        await upgrade(databases, session_clock.now())
        await _be_present(databases)
        return databases


async def _be_present(databases: Databases) -> None:
    """The server is always there, however far tests move their clock."""
    connection = await asyncpg.connect(databases.require_owner())
    await connection.execute("update server_presence set seen_at = 'infinity'")
    await connection.close()


@pytest.fixture(scope="session")
async def owner(databases: Databases) -> AsyncIterator[AsyncEngine]:
    """The operator's own access: makes MSPs and publishes releases."""
    engine = create_engine(databases.require_owner(), size=4)
    yield engine
    await engine.dispose()


@pytest.fixture
async def maintainer(
    databases: Databases, clock: StoppedClock
) -> AsyncIterator[asyncpg.Connection]:
    """The worker's own connection; afterwards the partitions are those that were there before."""
    owner = await asyncpg.connect(databases.require_owner())
    connection = await asyncpg.connect(databases.worker)
    before = await _partitions(owner)
    yield connection
    await connection.close()
    for name in await _partitions(owner) - before:
        await owner.execute(f"drop table {name}")
    await maintain_partitions(owner, clock.start)
    await owner.close()


async def _partitions(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch(
        "select relname as name from pg_class where relispartition and relkind = 'r'"
    )
    return {row["name"] for row in rows}


@pytest.fixture(scope="session")
async def services(databases: Databases, session_clock: StoppedClock) -> AsyncIterator[Services]:
    with pytest.MonkeyPatch.context() as patch:
        # A test's clock stands still, and what is remembered would be of its beginning.
        patch.setattr(memory, "REMEMBERED_SECONDS", 0.0)
        patch.setattr(counts, "LIVE_SECONDS", 0.0)
        async with open_services(Settings(), databases, RING, session_clock) as services:
            yield services


@pytest.fixture(scope="session")
async def worker(databases: Databases, session_clock: StoppedClock) -> AsyncIterator[Worker]:
    """The worker's work, done when it is asked for."""
    async with await create_pool(databases.worker, size=2, settings=PLAN_SETTINGS) as pool:
        yield Worker(pool, session_clock)


@pytest.fixture(scope="session")
async def http(services: Services, worker: Worker) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application; the worker has done its work before every answer."""
    app = worker.before_reads(create_app(services))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://partner.test") as client:
        yield client


@pytest.fixture
async def tenant(owner: AsyncEngine, http: httpx.AsyncClient, clock: StoppedClock) -> Tenant:
    """An MSP without organizations."""
    return await create_tenant(owner, http, clock, "Alpha MSP")


@pytest.fixture
async def other_tenant(owner: AsyncEngine, http: httpx.AsyncClient, clock: StoppedClock) -> Tenant:
    """Another MSP, with two organizations and a device in each: leaks and wrong sums show."""
    other = await create_tenant(owner, http, clock, "Beta MSP")
    for name in ("Beta One", "Beta Two"):
        agent = await other.enroll(await other.create_organization(name), assetId=f"{name} asset")
        await agent.check_in()
    return other


@pytest.fixture
async def agent(tenant: Tenant, other_tenant: Tenant) -> Agent:  # noqa: ARG001 - must be there
    """A device that enrolled and never checked in."""
    return await tenant.enroll(await tenant.create_organization())
