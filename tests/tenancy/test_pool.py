"""One connection, many tenants: errors, cancellations and timeouts in between leak nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from partner_api.app import _services, create_app
from partner_api.config import Databases, Settings
from partner_api.database import pools
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.engine import create_engine
from partner_api.database.pools import create_pool
from partner_api.kernel.errors import Unavailable
from partner_api.kernel.ids import MspId
from partner_api.tenancy.tenancy import Claim, Tenancy
from partner_api.webhooks.resolution import Resolver
from tests.clock import StoppedClock
from tests.conftest import RING
from tests.factories.tenants import Tenant

EVERY_MSP = "select array_agg(distinct msp_id) from organizations"
SLEEP = "select pg_sleep(60)"
BOUND = "select current_setting('app.msp_id', true)"
SLEEPING = "select pid from pg_stat_activity where wait_event = 'PgSleep'"


@pytest.fixture
async def narrow(databases: Databases) -> AsyncIterator[Tenancy]:
    """A tenancy with one connection for SQL text and one for sessions."""
    pool, engine = await create_pool(databases.api, size=1), create_engine(databases.api, size=1)
    yield Tenancy(engine, pool)
    await pool.close()
    await engine.dispose()


@pytest.fixture
async def admin(
    cluster: EmbeddedCluster, databases: Databases
) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, who sees what others wait for."""
    assert databases.owner
    connection = await asyncpg.connect(cluster.admin_url)
    yield connection
    await connection.close()


@pytest.fixture
async def msps(tenant: Tenant, other_tenant: Tenant) -> tuple[MspId, MspId]:
    await tenant.create_organization()
    return tenant.msp_id, other_tenant.msp_id


async def until_asleep(admin: asyncpg.Connection) -> int:
    """The backend that sleeps, as soon as one does."""
    while (pid := await admin.fetchval(SLEEPING)) is None:
        pass
    found: int = pid
    return found


async def until_awake(admin: asyncpg.Connection) -> None:
    while await admin.fetchval(SLEEPING) is not None:
        pass


async def reading(tenancy: Tenancy, msp_id: MspId, statement: str = EVERY_MSP) -> Any:
    async with tenancy.reading(msp_id) as connection:
        return await connection.fetchval(statement)


async def in_session(tenancy: Tenancy, msp_id: MspId, statement: str = EVERY_MSP) -> Any:
    async with tenancy.session(msp_id) as session:
        return await session.scalar(text(statement))


async def claimed(tenancy: Tenancy, msp_id: MspId, statement: str = EVERY_MSP) -> Any:
    async with tenancy.claimed(msp_id, Claim.ENROLLMENT) as session:
        return await session.scalar(text(statement))


Way = Callable[..., Awaitable[Any]]
WAYS: list[Way] = [reading, in_session, claimed]


async def unbound(tenancy: Tenancy) -> list[str | None]:
    """What a fresh transaction on each of the two connections finds bound."""
    async with tenancy._pool.acquire() as connection:
        first: str | None = await connection.fetchval(BOUND)
    async with tenancy._engine.connect() as session:
        second: str | None = await session.scalar(text(BOUND))
    return [first, second]


async def assert_clean(tenancy: Tenancy, msps: tuple[MspId, MspId]) -> None:
    """Nobody is bound, and everybody sees their own rows and no other."""
    assert set(await unbound(tenancy)) <= {None, ""}
    for way in WAYS:
        for msp_id in (*msps, *msps[::-1]):
            assert await way(tenancy, msp_id) == [msp_id]


async def test_tenants_take_turns_on_one_connection(
    narrow: Tenancy, msps: tuple[MspId, MspId]
) -> None:
    await assert_clean(narrow, msps)
    calls = [way(narrow, msp_id) for _ in range(10) for way in WAYS for msp_id in msps]
    seen = await asyncio.gather(*calls)
    assert seen == [[msp_id] for _ in range(10) for _ in WAYS for msp_id in msps]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("statement", ["select 1/0", "select from nowhere", "select 'x'::uuid"])
async def test_an_error_leaves_nobody_bound(
    narrow: Tenancy, msps: tuple[MspId, MspId], way: Way, statement: str
) -> None:
    with pytest.raises(Exception, match=r"division|nowhere|invalid input"):
        await way(narrow, msps[0], statement)
    await assert_clean(narrow, msps)


async def test_an_error_of_our_own_leaves_nobody_bound(
    narrow: Tenancy, msps: tuple[MspId, MspId]
) -> None:
    async def fail_reading() -> None:
        async with narrow.reading(msps[0]):
            raise ZeroDivisionError

    async def fail_in_session() -> None:
        async with narrow.session(msps[0]) as session:
            await session.execute(text("select 1"))
            raise ZeroDivisionError

    for failing in (fail_reading, fail_in_session):
        with pytest.raises(ZeroDivisionError):
            await failing()
        await assert_clean(narrow, msps)


@pytest.mark.parametrize("way", WAYS)
async def test_a_cancelled_caller_leaves_nobody_bound(
    narrow: Tenancy, msps: tuple[MspId, MspId], admin: asyncpg.Connection, way: Way
) -> None:
    for msp_id in msps:
        task = asyncio.ensure_future(way(narrow, msp_id, SLEEP))
        await until_asleep(admin)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await assert_clean(narrow, msps)
    await until_awake(admin)


async def test_a_timeout_leaves_nobody_bound(
    narrow: Tenancy, msps: tuple[MspId, MspId], admin: asyncpg.Connection
) -> None:
    for msp_id in msps:
        with pytest.raises((TimeoutError, Unavailable)):
            async with narrow.reading(msp_id) as connection:
                await connection.fetchval(SLEEP, timeout=0.05)
        await assert_clean(narrow, msps)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(in_session(narrow, msp_id, SLEEP), 0.05)
        await assert_clean(narrow, msps)
    await until_awake(admin)


def test_what_a_refusal_says_of_rows_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = asyncpg.DeadlockDetectedError("deadlock detected")
    error.detail = "secret"
    assert "secret" in str(error)
    pools.log_refusal(error)
    pools.log_refusal(asyncpg.ConnectionDoesNotExistError("connection was closed"))
    assert [record.getMessage() for record in caplog.records] == [
        "PostgreSQL refused: deadlock detected (40P01)"
    ]


async def test_why_a_statement_was_given_up_is_logged(
    narrow: Tenancy, msps: tuple[MspId, MspId], caplog: pytest.LogCaptureFixture
) -> None:
    async def hurry() -> None:
        async with narrow.reading(msps[0]) as connection:
            await connection.execute("set local statement_timeout = '20ms'")
            await connection.fetchval(SLEEP)

    with pytest.raises(Unavailable):
        await hurry()
    assert "canceling statement due to statement timeout (57014)" in caplog.text


@pytest.mark.parametrize("way", [reading, in_session])
async def test_a_killed_connection_is_replaced(
    narrow: Tenancy, msps: tuple[MspId, MspId], admin: asyncpg.Connection, way: Way
) -> None:
    task = asyncio.ensure_future(way(narrow, msps[0], SLEEP))
    pid = await until_asleep(admin)
    await admin.execute("select pg_terminate_backend($1, 5000)", pid)
    with pytest.raises(Exception, match=r"database went away|terminating|closed"):
        await task
    await assert_clean(narrow, msps)


async def test_a_connection_that_died_idle_is_replaced(
    narrow: Tenancy, msps: tuple[MspId, MspId], admin: asyncpg.Connection
) -> None:
    pids = [await way(narrow, msps[0], "select pg_backend_pid()") for way in WAYS[:2]]
    for pid in pids:
        assert await admin.fetchval("select pg_terminate_backend($1, 5000)", pid)
    assert await reading(narrow, msps[0]) == [msps[0]]
    assert await in_session(narrow, msps[0]) == [msps[0]]
    await assert_clean(narrow, msps)


async def test_who_waits_too_long_for_a_connection_is_told_so(
    narrow: Tenancy, msps: tuple[MspId, MspId], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "ACQUIRE_SECONDS", 0.05)
    async with narrow.reading(msps[0]):
        with pytest.raises(Unavailable):
            await reading(narrow, msps[1])
    await assert_clean(narrow, msps)


async def test_a_reading_transaction_writes_nothing(
    narrow: Tenancy, msps: tuple[MspId, MspId]
) -> None:
    # Told as the outage a database in failover is: nothing was written, try again.
    with pytest.raises(Unavailable) as refused:
        await reading(narrow, msps[0], "delete from devices returning 1")
    assert isinstance(refused.value.__cause__, asyncpg.ReadOnlySQLTransactionError)
    await assert_clean(narrow, msps)


# The same through the whole application, cancelled at any moment.


@pytest.fixture
async def crowded(
    narrow: Tenancy, databases: Databases, clock: StoppedClock
) -> AsyncIterator[httpx.AsyncClient]:
    """The application on one connection of each kind."""
    ingest = await create_pool(databases.ingest, size=1)
    services = _services(Settings(), RING, clock, narrow, narrow._pool, ingest, Resolver())
    services.check_ins.start()
    services.log_lines.start()
    transport = httpx.ASGITransport(app=create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://partner.test") as client:
        yield client
    await services.check_ins.stop()
    await services.log_lines.stop()
    await ingest.close()


async def cancelled_after(
    steps: int | None, call: Awaitable[httpx.Response]
) -> httpx.Response | None:
    """The answer, or None when the caller went away after that many turns of the loop."""
    task = asyncio.ensure_future(call)
    if steps is None:
        return await task
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def test_requests_cancelled_at_any_moment_mix_no_tenants(
    crowded: httpx.AsyncClient, narrow: Tenancy, tenant: Tenant, other_tenant: Tenant
) -> None:
    await tenant.enroll(await tenant.create_organization())
    chance = random.Random(5)
    tenants = (tenant, other_tenant)
    paths = ("/v1/devices", "/v1/organizations", "/v1/credentials", "/v1/devices?q=asset", "stats")
    answered = cancelled = 0
    for _ in range(25):
        callers = [chance.choice(tenants) for _ in range(6)]
        calls = []
        for caller in callers:
            path = chance.choice(paths).replace("stats", f"/v1/msp/{caller.msp}/stats")
            call = crowded.get(path, headers=caller.headers)
            calls.append(cancelled_after(chance.choice((3, 10, 30, 60, None, None)), call))
        for caller, answer in zip(callers, await asyncio.gather(*calls), strict=True):
            if answer is None:
                cancelled += 1
                continue
            answered += 1
            assert answer.status_code == 200, answer.text
            stranger = tenants[1 - tenants.index(caller)]
            assert stranger.msp not in answer.text
            assert stranger.client_id not in answer.text
    assert answered > 20
    assert cancelled > 20
    for caller in tenants:
        listed = (await crowded.get("/v1/devices", headers=caller.headers)).json()["data"]
        assert {row["mspId"] for row in listed} == {caller.msp}
    await assert_clean(narrow, (tenant.msp_id, other_tenant.msp_id))
