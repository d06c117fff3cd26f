"""Whoever writes what a device is searched in is found by it at once."""

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.database.pools import acquired
from partner_api.devices.models import Device
from partner_api.kernel.timestamps import format_timestamp
from partner_api.sweep.recount import _mend_texts
from tests.clock import StoppedClock
from tests.devices.rows import device_row
from tests.factories.tenants import FACTS, Agent, Tenant, post_enrollment
from tests.fleet.fleets import ids, read_devices
from tests.machine.support import uuid_of
from tests.worker import Worker


async def found(tenant: Tenant, query: str) -> list[str]:
    return ids(await read_devices(tenant, q=query))


async def test_a_device_is_found_by_what_it_enrolled_with(tenant: Tenant) -> None:
    org_id = await tenant.create_organization()
    agent = await tenant.enroll(org_id, assetId="FIRST-1", userEmail="ann@example.com")
    for query in ("first-1", "ANN@", "st-1"):
        assert await found(tenant, query) == [agent.client_id]
    enrollment = await tenant.create_enrollment_token(org_id)
    again = {"clientId": agent.client_id, "assetId": "second-2"}
    assert (await post_enrollment(tenant.http, enrollment, **again)).status_code in {200, 201}
    assert await found(tenant, "SECOND") == [agent.client_id]
    assert await found(tenant, "first") == []


async def test_a_device_is_found_by_what_it_checked_in_with(
    agent: Agent, clock: StoppedClock
) -> None:
    for name in ("old name", "new name"):
        clock.advance(seconds=1)
        await agent.check_in(userName=name, serialNumber="SN")
        assert await found(agent.tenant, name.upper()) == [agent.client_id]
    assert await found(agent.tenant, "old name") == []
    assert await found(agent.tenant, "sn") == [agent.client_id]


async def test_a_device_is_found_by_what_an_integrator_noted(agent: Agent) -> None:
    path = f"/v1/devices/{agent.client_id}"
    assert (await agent.tenant.patch(path, json={"assetId": "Shelf 9"})).status_code == 200
    assert await found(agent.tenant, "shelf") == [agent.client_id]
    assert (await agent.tenant.patch(path, json={"assetId": None})).status_code == 200
    assert await found(agent.tenant, "shelf") == []


async def test_a_relayed_device_is_found(tenant: Tenant) -> None:
    client_id = "9B0C7A5E-3F5C-4B7A-9A54-3D0C6C1D2E3F"
    org_id = await tenant.create_organization()
    item = {**FACTS, "clientId": client_id, "orgId": org_id, "serialNumber": "Relay-77"}
    answer = await tenant.post("/v1/check-ins", json={"checkIns": [item]})
    assert answer.json()["data"]["accepted"] == 1
    assert await found(tenant, "relay-7") == [client_id]


async def test_a_deleted_device_is_not_found(tenant: Tenant) -> None:
    agent = await tenant.enroll(await tenant.create_organization(), assetId="GONE-1")
    assert (await tenant.delete(f"/v1/devices/{agent.client_id}")).status_code == 204
    assert await found(tenant, "gone-1") == []


_VERSION = text("select ctid, xmin from device_texts where msp_id = :msp_id")


async def test_a_text_is_written_when_it_differs_and_not_before(
    tenant: Tenant, clock: StoppedClock, owner: AsyncEngine
) -> None:
    agent = await tenant.enroll(await tenant.create_organization(), userName="Ann")

    async def version() -> list[object]:
        async with owner.connect() as connection:
            rows = await connection.execute(_VERSION, {"msp_id": tenant.msp_id})
            return [str(each) for each in rows.one()]

    written = await version()
    clock.advance(seconds=10)
    await agent.check_in(userName="Ann", osVersion="16")
    late = format_timestamp(clock.now())
    clock.advance(seconds=10)
    await agent.check_in(userName="ANN", osVersion="16")
    await agent.check_in(observedAt=late, sequence=1)
    assert (await agent.read())["userName"] == "ANN"
    assert await version() == written
    clock.advance(seconds=10)
    await agent.check_in(userName="Anna")
    assert await version() != written


# What processes write that know nothing of texts, as those of the release before do.


async def test_a_device_enrolled_without_a_text_has_one_when_it_checks_in(
    agent: Agent, owner: AsyncEngine
) -> None:
    async with owner.begin() as connection:
        await connection.execute(
            text("delete from device_texts where msp_id = :msp_id"),
            {"msp_id": agent.tenant.msp_id},
        )
    await agent.check_in(assetId="LATE-1")
    assert await found(agent.tenant, "late-1") == [agent.client_id]


async def test_texts_that_are_missing_or_wrong_are_mended(
    tenant: Tenant, clock: StoppedClock, owner: AsyncEngine, worker: Worker
) -> None:
    org_id = await tenant.create_organization()
    agent = await tenant.enroll(org_id, assetId="RIGHT-1")
    row = device_row(tenant, org_id, clock.now(), None, assetId="MISSING-1")
    async with owner.begin() as connection:
        await connection.execute(insert(Device), row)
        await connection.execute(
            text("update devices set user_name = 'Stale' where client_id = :client_id"),
            {"client_id": agent.client_id},
        )
    assert await found(tenant, "stale") == await found(tenant, "missing") == []
    async with acquired(worker._pool) as connection:
        await _mend_texts(connection, tenant.msp_id, uuid_of(org_id))
    assert await found(tenant, "stale") == await found(tenant, "right-1") == [agent.client_id]
    assert await found(tenant, "MISSING-1") == [str(row["client_id"]).upper()]
