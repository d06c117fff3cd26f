"""What counts and lists say between two rounds of the sweep, and when none comes any more."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.fleet.counts import Counts
from partner_api.fleet.devices import Devices
from partner_api.fleet.types import DeviceFilter, DeviceSort, SortOrder
from partner_api.kernel.ids import ClientId
from partner_api.kernel.paging import CursorSigner
from partner_api.status.rules import Connection
from partner_api.surfaces.partner.services import Services
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.history.conftest import away
from tests.worker import Worker

STREAMING, ONLINE = timedelta(minutes=5), timedelta(hours=1)


@pytest.fixture
async def watched(worker: Worker, owner: AsyncEngine, agent: Agent) -> AsyncIterator[Agent]:
    """A device seen just now, and a worker that works when it is told to."""
    await agent.check_in()
    async with away(worker, owner):
        yield agent


async def states(tenant: Tenant, org_id: str) -> dict[str, int]:
    answer = await tenant.get(f"/v1/organizations/{org_id}")
    counted: dict[str, int] = answer.json()["data"]["stats"]["connectionStates"]
    return counted


async def listed(tenant: Tenant, **query: str) -> int:
    return len((await tenant.get("/v1/devices", params=query)).json()["data"])


async def swept_then(worker: Worker, clock: StoppedClock, until: timedelta, later: float) -> None:
    """The last round is one second before a threshold; it is now `later` seconds after that."""
    clock.advance(seconds=until.total_seconds() - 1)
    await worker.work()
    clock.advance(seconds=later)


async def test_a_page_never_shows_what_a_filter_leaves_out(
    tenant: Tenant, watched: Agent, worker: Worker, clock: StoppedClock
) -> None:
    await swept_then(worker, clock, ONLINE, later=1.9)
    tenant.token = (await tenant.request_token()).json()["access_token"]
    assert (await watched.read())["status"] == "warning"
    assert await listed(tenant, status="healthy") == 0
    assert await listed(tenant, connectionState="idle") == 0


async def test_counters_are_read_while_the_sweep_is_two_seconds_behind_at_most(
    tenant: Tenant, watched: Agent, worker: Worker, clock: StoppedClock
) -> None:
    await swept_then(worker, clock, STREAMING, later=1.9)
    assert await states(tenant, watched.org_id) == {"streaming": 1, "idle": 0, "offline": 0}
    assert (await watched.read())["connectionState"] == "idle"


async def test_devices_are_counted_when_the_sweep_is_further_behind(
    tenant: Tenant, watched: Agent, worker: Worker, clock: StoppedClock
) -> None:
    await swept_then(worker, clock, STREAMING, later=2.1)
    assert await states(tenant, watched.org_id) == {"streaming": 0, "idle": 1, "offline": 0}
    assert await listed(tenant, connectionState="idle") == 1


async def test_a_sweep_whose_clock_is_ahead_is_not_believed(
    tenant: Tenant, watched: Agent, worker: Worker, clock: StoppedClock
) -> None:
    clock.advance(seconds=400)
    await worker.work()
    clock.advance(seconds=-390)
    assert await states(tenant, watched.org_id) == {"streaming": 1, "idle": 0, "offline": 0}


async def test_while_all_devices_have_to_be_judged_other_reads_go_on(
    tenant: Tenant, watched: Agent, worker: Worker, clock: StoppedClock, services: Services
) -> None:
    await swept_then(worker, clock, STREAMING, later=2.1)
    counts = Counts(services.tenancy)
    devices = Devices(services.tenancy, counts, CursorSigner([b"k" * 32]), clock)

    async def found(wanted: DeviceFilter, sort: DeviceSort) -> int:
        page = await devices.list(tenant.msp_id, wanted, sort, SortOrder.ASCENDING, 10, None)
        return len(page.rows)

    judging = (
        found(DeviceFilter(), DeviceSort.STATUS),
        found(DeviceFilter(connection=Connection.IDLE), DeviceSort.ASSET_ID),
        counts.live(tenant.msp_id, clock.now()),
    )
    async with counts.slow_turn(tenant.msp_id):
        waiting = [asyncio.ensure_future(each) for each in judging]
        assert await found(DeviceFilter(text="macos"), DeviceSort.ASSET_ID) == 0
        assert (await devices.get(tenant.msp_id, ClientId(UUID(watched.client_id)))).client_id
        await asyncio.sleep(0.1)
        assert not any(each.done() for each in waiting)
    await asyncio.wait_for(asyncio.gather(*waiting), 10)
    assert [each.result() for each in waiting[:2]] == [1, 1]
