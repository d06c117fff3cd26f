"""The list by last seen, whose first devices come from an index of those that are offline."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.kernel.paging import micros
from tests.clock import StoppedClock
from tests.devices.rows import device_row, insert_devices
from tests.factories.tenants import Agent, Tenant
from tests.fleet.fleets import ids, pages, read_devices
from tests.history.conftest import away
from tests.settings.chosen import choose, of
from tests.worker import Worker

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Of two organizations: what is offline in one after an hour is awake in the other for a week.
AGES = [None, 10 * DAY, 9 * DAY, 3 * DAY, 5 * HOUR, 1.05 * HOUR, 0.95 * HOUR, timedelta(0)]


@pytest.fixture
async def whole(tenant: Tenant, owner: AsyncEngine, clock: StoppedClock) -> list[str]:
    """Every client id, in the order of when they were last seen; three of each age."""
    patient = await tenant.create_organization("Patient")
    strict = await tenant.create_organization("Strict")
    days = {"onlineSeconds": 7 * 86400, "criticalSeconds": 8 * 86400}
    await choose(tenant, of(patient), **days)
    await tenant.get("/v1/organizations")
    now = clock.now()
    rows = [
        device_row(tenant, org_id, now, None if age is None else now - age)
        for age in AGES
        for org_id in (patient, strict, strict)
    ]
    await insert_devices(owner, rows)

    def key(row: dict[str, Any]) -> tuple[int, str]:
        return micros(row["last_seen"]) or 0, str(row["client_id"])

    return [str(row["client_id"]).upper() for row in sorted(rows, key=key)]


async def test_devices_of_every_threshold_come_in_one_order(
    tenant: Tenant, whole: list[str]
) -> None:
    for limit in (1, 2, 5, 8, 13, len(whole)):
        for order, expected in (("asc", whole), ("desc", whole[::-1])):
            query = {"sortBy": "lastSeen", "sortOrder": order, "limit": limit}
            walked = []
            async for page in pages(tenant, "/v1/devices", query):
                walked += ids(page.json()["data"])
                assert page.json()["meta"]["total"] == len(whole)
            assert walked == expected, (limit, order)


@pytest.mark.parametrize(
    "narrowed",
    [
        {"connectionState": "offline"},
        {"status": "critical"},
        {"status": "warning"},
        {"status": "healthy"},
        {"status": "warning", "connectionState": "offline"},
    ],
)
async def test_filters_leave_out_and_change_no_order(
    tenant: Tenant, whole: list[str], narrowed: dict[str, str]
) -> None:
    for order, every in (("asc", whole), ("desc", whole[::-1])):
        shown = {
            device["clientId"]
            for device in await read_devices(tenant)
            if all(device[name] == value for name, value in narrowed.items())
        }
        query = {"sortBy": "lastSeen", "sortOrder": order, **narrowed}
        walked = []
        async for page in pages(tenant, "/v1/devices", {**query, "limit": 2}):
            walked += ids(page.json()["data"])
        assert walked == [client_id for client_id in every if client_id in shown]


async def test_the_order_is_right_while_nobody_sweeps(
    tenant: Tenant, whole: list[str], worker: Worker, owner: AsyncEngine, clock: StoppedClock
) -> None:
    async with away(worker, owner):
        clock.advance(minutes=40)
        tenant.token = (await tenant.request_token()).json()["access_token"]
        for limit in (3, 100):
            answer = await tenant.get("/v1/devices", params={"sortBy": "lastSeen", "limit": limit})
            assert ids(answer.json()["data"]) == whole[:limit]


async def test_a_page_of_offline_devices_does_not_look_at_others(
    tenant: Tenant, whole: list[str], databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorted_whole = []
    fetch = asyncpg.Connection.fetch

    async def noting(connection: asyncpg.Connection, statement: str, *rest: Any) -> Any:
        if "order by coalesce(last_seen" in statement:
            sorted_whole.append(statement)
        return await fetch(connection, statement, *rest)

    assert databases
    monkeypatch.setattr(asyncpg.Connection, "fetch", noting)
    for limit, sorts in ((8, 0), (len(whole), 1)):
        answer = await tenant.get("/v1/devices", params={"sortBy": "lastSeen", "limit": limit})
        assert ids(answer.json()["data"]) == whole[:limit]
        assert len(sorted_whole) == sorts


_CHECK_IN = """
    select count(*) from check_in_calm(
        (select array_agg(msp_id order by client_id) from devices where msp_id = $1),
        (select array_agg(client_id order by client_id) from devices where msp_id = $1),
        (select array_agg(token_hash order by client_id) from devices where msp_id = $1),
        array_fill($2::timestamptz, array[$3::integer]), array_fill(null::bigint, array[$3]),
        (select array_agg(facts_digest order by client_id) from devices where msp_id = $1), $2)"""
_UPDATES = """
    select pg_stat_get_xact_tuples_updated('devices'::regclass),
           pg_stat_get_xact_tuples_hot_updated('devices'::regclass)"""


async def test_a_check_in_of_a_streaming_device_moves_no_entry_of_an_index(
    agent: Agent, databases: Databases, clock: StoppedClock
) -> None:
    await agent.check_in()
    connection = await asyncpg.connect(databases.require_owner())
    transaction = connection.transaction()
    await transaction.start()
    for _ in range(3):
        now = clock.advance(seconds=60)
        assert await connection.fetchval(_CHECK_IN, agent.tenant.msp_id, now, 1) == 1
    assert tuple(await connection.fetchrow(_UPDATES) or ()) == (3, 3)
    await transaction.rollback()
    await connection.close()
