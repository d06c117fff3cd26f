"""Requests that wait for events."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from partner_api.config import Databases
from partner_api.events import feed
from partner_api.events.feed import EventFeed
from partner_api.surfaces.partner.services import Services
from tests.events.log import Log, last_id, read
from tests.events.streams import Streams
from tests.factories.tenants import Tenant
from tests.waiting import until

_CUT = """
    select pg_terminate_backend(pid) from pg_stat_activity
     where pid <> pg_backend_pid() and usename = current_user
       and query like any(array['LISTEN%', 'select 1'])"""


@asynccontextmanager
async def waiting(
    tenant: Tenant, services: Services, **query: Any
) -> AsyncIterator[asyncio.Task[dict[str, Any]]]:
    """A request that waits already."""
    before = waiters(services, tenant)
    request = asyncio.create_task(read(tenant, wait=20, **query))
    await until(lambda: waiters(services, tenant) > before)
    # It has looked once, or looks.
    await asyncio.sleep(0.05)
    yield request
    request.cancel()


def waiters(services: Services, tenant: Tenant) -> int:
    return len(services.feed._waiters.get(tenant.msp_id, ()))


async def test_a_request_is_answered_as_soon_as_there_is_an_event(
    tenant: Tenant, other_tenant: Tenant, log: Log, services: Services
) -> None:
    await log.add(tenant, "device.online")
    after = await last_id(tenant)
    async with waiting(tenant, services, after=after, types="device.offline") as request:
        await log.add(other_tenant, "device.offline")
        await log.add(tenant, "device.online")
        await asyncio.sleep(0.1)
        assert not request.done()
        started = time.monotonic()
        await log.add(tenant, "device.offline")
        page = await request
        assert time.monotonic() - started < 1
    assert [event["type"] for event in page["data"]] == ["device.offline"]
    assert page["meta"]["lastId"] == page["data"][0]["id"] == await last_id(tenant)
    assert waiters(services, tenant) == 0


async def test_a_request_does_not_wait_for_what_is_there(tenant: Tenant, log: Log) -> None:
    await log.add(tenant, "device.online")
    started = time.monotonic()
    assert (await read(tenant, wait=30))["data"]
    assert time.monotonic() - started < 5


async def test_a_request_that_waited_in_vain_tells_where_to_go_on(tenant: Tenant, log: Log) -> None:
    await log.add(tenant, "device.online")
    after = await last_id(tenant)
    started = time.monotonic()
    page = await read(tenant, after=after, wait=1)
    assert 1 <= time.monotonic() - started < 5
    assert page == {"data": [], "meta": {"count": 0, "limit": 100, "lastId": after}}


async def test_a_wait_ends_with_its_token(tenant: Tenant, log: Log, services: Services) -> None:
    await log.add(tenant, "device.online")
    after = await last_id(tenant)
    async with waiting(tenant, services, after=after) as request:
        services.tokens._verified.clear()
        services.liveness._known.clear()
        await log.writing.execute(
            "update credentials set enabled = false where msp_id = $1", tenant.msp_id
        )
        await log.add(tenant, "device.offline")
        with pytest.raises(AssertionError, match="Invalid or expired token"):
            await request


async def test_one_msp_has_no_more_than_its_places(
    tenant: Tenant,
    other_tenant: Tenant,
    log: Log,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "WAITERS_EACH", 1)
    await log.add(tenant, "device.online")
    await log.add(other_tenant, "device.online")
    after = {each.msp: await last_id(each) for each in (tenant, other_tenant)}
    async with waiting(tenant, services, after=after[tenant.msp]) as request:
        refused = await tenant.get("/v1/events", params={"wait": 1, "after": after[tenant.msp]})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.json()["error"] == "Too Many Requests"
        assert (await read(tenant))["data"]
        async with waiting(other_tenant, services, after=after[other_tenant.msp]):
            assert not request.done()


async def test_requests_that_wait_hold_no_turn_and_no_connection(
    tenant: Tenant, log: Log, services: Services
) -> None:
    await log.add(tenant, "device.online")
    after = await last_id(tenant)
    requests = [asyncio.create_task(read(tenant, after=after, wait=20)) for _ in range(30)]
    await until(lambda: waiters(services, tenant) == len(requests))
    await asyncio.sleep(0.2)
    assert services.gate._free > 0
    assert (await tenant.get("/v1/devices")).status_code == 200
    await log.add(tenant, "device.offline")
    pages = await asyncio.gather(*requests)
    assert {page["meta"]["count"] for page in pages} == {1}


async def test_a_lost_connection_is_made_anew_and_nothing_missed(
    tenant: Tenant,
    log: Log,
    services: Services,
    databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "_RETRY_SECONDS", 0.5)
    await log.add(tenant, "device.online")
    after = await last_id(tenant)
    cutting = await asyncpg.connect(databases.api)
    async with waiting(tenant, services, after=after) as request:
        assert await cutting.fetchval(_CUT)
        await log.add(tenant, "device.offline")
        await asyncio.sleep(0.2)
        assert not request.done(), "nobody listens"
        async with asyncio.timeout(5):
            assert (await request)["meta"]["count"] == 1
    await cutting.close()


async def test_a_server_that_stops_lets_everybody_go(databases: Databases, tenant: Tenant) -> None:
    async with asyncpg.create_pool(databases.api, min_size=0, max_size=1) as pool:
        stopping = EventFeed(pool)
        stopping.start()
        with stopping.waiter(tenant.msp_id) as early:
            asyncio.get_running_loop().call_soon(stopping.close)
            async with asyncio.timeout(5):
                while not early.is_over:
                    await early.wait(60)
            with stopping.waiter(tenant.msp_id) as late:
                assert late.is_over
                assert await late.wait(60)
        await stopping.stop()


async def test_a_client_that_leaves_waits_no_longer(
    tenant: Tenant, log: Log, services: Services, streams: Streams
) -> None:
    await log.add(tenant, "device.online")
    after = await last_id(tenant)
    async with streams.ask(tenant, "/v1/events", after=after, wait=30):
        await until(lambda: waiters(services, tenant) == 1)
    assert not waiters(services, tenant)
