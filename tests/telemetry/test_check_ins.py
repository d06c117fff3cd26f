"""Check-ins are counted in the minute they were observed in: each once, whatever happens."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.database.pools import create_pool
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.kernel.timestamps import format_timestamp
from partner_api.telemetry.counting import CheckInCounter
from tests.clock import StoppedClock
from tests.factories.tenants import FACTS, Agent, Tenant
from tests.history.reading import later
from tests.telemetry.reading import bounds, series
from tests.worker import Worker

Seen = list[tuple[str, datetime]]
"""For each check-in the organization its device was in, and its moment."""

_COUNT = "select count_check_ins($1, $2, $3)"
_INTEREST = text("insert into event_interests values (:msp_id, 'webhooks', 'infinity')")
_WAITING = text("select count(*) from check_in_tallies where msp_id = :msp_id")
_EVENTS = text("""
    select count(*) from event_inbox where msp_id = :msp_id and type = 'device.checkin'""")


@pytest.fixture
async def uncounted(worker: Worker) -> AsyncIterator[Worker]:
    """The worker, away until the test asks for it."""
    worker.is_away = True
    yield worker
    worker.is_away = False


@pytest.fixture
async def counter(databases: Databases, clock: StoppedClock) -> AsyncIterator[CheckInCounter]:
    async with await create_pool(databases.worker, size=1, settings=PLAN_SETTINGS) as pool:
        yield CheckInCounter(pool, clock)


async def assert_counted(tenant: Tenant, seen: Seen, clock: StoppedClock) -> None:
    """Every window of the MSP and of each organization adds up to what was seen."""
    for window, seconds in (("1h", 300), ("24h", 900), ("7d", 3600), ("30d", 86400)):
        for org_id in (None, *{org_id for org_id, _ in seen}):
            points = await series(tenant, metric="check-ins", window=window, orgId=org_id)
            moments = [moment for own, moment in seen if org_id in (None, own)]
            for end, point in bounds(points, seconds, clock.now()):
                start = datetime.fromisoformat(point["timestamp"])
                stop = start + timedelta(seconds=seconds)
                expected = sum(start <= moment < stop for moment in moments)
                assert point["checkIns"] == expected, (window, org_id, start, end)


async def scalar(owner: AsyncEngine, statement: object, tenant: Tenant) -> int:
    async with owner.connect() as connection:
        found = await connection.execute(statement, {"msp_id": tenant.msp_id})  # type: ignore[call-overload]
        number: int = found.scalar_one()
    return number


async def test_whatever_way_a_check_in_comes_it_is_counted_once(
    agent: Agent, other_tenant: Tenant, clock: StoppedClock
) -> None:
    """First ones, everyday ones, late and repeated ones, lists, relayed ones, after a move."""
    tenant, draw, seen = agent.tenant, random.Random(20261122), Seen()
    second = await tenant.create_organization("Second")
    agents = [agent, await tenant.enroll(second), await tenant.enroll(second)]
    for sequence in range(60):
        await later(tenant, clock, seconds=draw.choice([1, 30, 59, 240, 700]))
        device = draw.choice(agents)
        late = timedelta(seconds=draw.choice([0, 0, 0, 61, 4000, 100_000]))
        observed = clock.now() - late
        item = {"observedAt": format_timestamp(observed), "sequence": sequence}
        way = draw.choice(["one", "one", "repeated", "list", "relayed", "move"])
        if way == "move":
            device.org_id = draw.choice([agents[1].org_id, second, seen[0][0] if seen else second])
            patch = {"orgId": device.org_id}
            path = f"/v1/devices/{device.client_id}"
            assert (await tenant.patch(path, json=patch)).status_code == 200
        elif way == "relayed":
            body = {"checkIns": [{"clientId": device.client_id, **FACTS, **item}]}
            answer = await tenant.post("/v1/check-ins", json=body)
            assert answer.json()["data"]["accepted"] == 1, answer.text
            seen.append((device.org_id, observed))
        elif way == "list":
            twice = {"checkIns": [item, item]}
            answer = await tenant.http.post(
                "/v1/agent/check-ins", json=twice, headers=device.headers
            )
            assert answer.json()["data"]["accepted"] == 1, answer.text
            seen.append((device.org_id, observed))
        else:
            for _ in range(2 if way == "repeated" else 1):
                await device.check_in(**item)
            seen.append((device.org_id, observed))
    await assert_counted(tenant, seen, clock)
    await later(other_tenant, clock)
    others = await series(other_tenant, metric="check-ins", window="7d")
    assert sum(point["checkIns"] for point in others) == 2


async def test_what_is_relayed_is_counted_too(agent: Agent, clock: StoppedClock) -> None:
    await agent.check_in()
    seen = [(agent.org_id, clock.now())]
    for _ in range(2):
        clock.advance(seconds=30)
        body = {"checkIns": [{"clientId": agent.client_id, **FACTS}]}
        assert (await agent.tenant.post("/v1/check-ins", json=body)).is_success
        seen.append((agent.org_id, clock.now()))
    await assert_counted(agent.tenant, seen, clock)


async def test_who_wants_to_hear_of_check_ins_has_them_counted_and_told_once(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock
) -> None:
    await agent.check_in()
    async with owner.begin() as connection:
        await connection.execute(_INTEREST, {"msp_id": agent.tenant.msp_id})
    seen = [(agent.org_id, clock.now())]
    for _ in range(3):
        clock.advance(seconds=30)
        await agent.check_in()
        seen.append((agent.org_id, clock.now()))
    assert await scalar(owner, _EVENTS, agent.tenant) == 3
    await assert_counted(agent.tenant, seen, clock)


async def test_a_tally_counts_again_when_its_counting_is_undone(
    agent: Agent,
    uncounted: Worker,
    databases: Databases,
    clock: StoppedClock,
    owner: AsyncEngine,
) -> None:
    seen = []
    for _ in range(5):
        clock.advance(seconds=45)
        await agent.check_in()
        seen.append((agent.org_id, clock.now()))
    connection = await asyncpg.connect(databases.worker)
    transaction = connection.transaction()
    await transaction.start()
    assert await connection.fetchval(_COUNT, agent.tenant.msp_id, 100, clock.now()) == 5
    # As a process that is killed leaves it.
    connection.terminate()
    await uncounted.count()
    await uncounted.count()
    assert await scalar(owner, _WAITING, agent.tenant) == 0
    await assert_counted(agent.tenant, seen, clock)


@pytest.mark.usefixtures("uncounted")
async def test_several_count_at_once_and_nothing_twice(
    agent: Agent, databases: Databases, clock: StoppedClock
) -> None:
    tenant, seen = agent.tenant, Seen()
    agents = [agent, *[await tenant.enroll(agent.org_id) for _ in range(3)]]
    for _ in range(10):
        clock.advance(seconds=20)
        for device in agents:
            await device.check_in()
            seen.append((device.org_id, clock.now()))

    async def count() -> int:
        connection = await asyncpg.connect(databases.worker, server_settings=PLAN_SETTINGS)
        taken = 0
        while some := await connection.fetchval(_COUNT, tenant.msp_id, 3, clock.now()):
            taken += some
        await connection.close()
        return taken

    taken = await asyncio.gather(*(count() for _ in range(4)))
    assert sum(taken) == len(seen)
    await assert_counted(tenant, seen, clock)


async def test_what_is_too_old_to_be_kept_holds_up_nothing(
    agent: Agent, counter: CheckInCounter, owner: AsyncEngine, clock: StoppedClock
) -> None:
    tally = text("""
        insert into check_in_tallies (msp_id, enrollment_id, seen_at, org_ids, moments)
        values (:msp_id, :org_id, :seen, array[cast(:org_id as uuid)],
                array[cast(:seen as timestamptz)])""")
    old = clock.now() - timedelta(days=500)
    async with owner.begin() as connection:
        row = {"msp_id": agent.tenant.msp_id, "org_id": agent.org_id[4:], "seen": old}
        await connection.execute(tally, row)
    await agent.check_in()
    await counter.count()
    assert await scalar(owner, _WAITING, agent.tenant) == 0
    await assert_counted(agent.tenant, [(agent.org_id, clock.now())], clock)
