"""What a change does: devices follow it, answers and counts tell it at once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.surfaces.partner.services import Services
from partner_api.sweep.followers import Followers
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant, post_enrollment
from tests.settings.chosen import MSP, choose, in_force, of, pending, steps
from tests.worker import Worker

STREAMING, IDLE, OFFLINE, LOST = 0, 2, 4, 6
"""States of devices that run the current version, as they are stored."""
_STORED = "select stage * 2 from devices where msp_id = :msp_id and client_id = :client_id"


@pytest.fixture
def away(worker: Worker) -> Iterator[Worker]:
    """The worker, which works only when it is told to."""
    worker.is_away = True
    yield worker
    worker.is_away = False


async def connection_states(tenant: Tenant, org_id: str) -> dict[str, int]:
    data = (await tenant.get(f"/v1/organizations/{org_id}")).json()["data"]
    states: dict[str, int] = data["stats"]["connectionStates"]
    return {name: count for name, count in states.items() if count}


async def idle(agent: Agent, clock: StoppedClock, worker: Worker) -> Agent:
    """A device that was seen ten minutes ago, and whose row says so."""
    await agent.check_in()
    clock.advance(minutes=10)
    await worker.work()
    return agent


@pytest.mark.parametrize("level", ["msp", "organization"])
async def test_a_device_steps_at_the_moment_of_the_change_and_answers_tell_it_at_once(
    agent: Agent,
    owner: AsyncEngine,
    clock: StoppedClock,
    away: Worker,
    level: str,
) -> None:
    await idle(agent, clock, away)
    tenant, path = agent.tenant, MSP if level == "msp" else of(agent.org_id)
    assert await connection_states(tenant, agent.org_id) == {"idle": 1}
    answer = await tenant.patch(path, json={"streamingSeconds": 900})
    assert answer.status_code == 200
    changed_at = clock.now()
    assert await connection_states(tenant, agent.org_id) == {"streaming": 1}
    assert (await agent.read())["connectionState"] == "streaming"
    listed = (await tenant.get("/v1/devices?connectionState=streaming")).json()
    assert listed["meta"]["total"] == len(listed["data"]) == 1

    clock.advance(seconds=20)
    await away.work()
    assert (await steps(owner, tenant, agent.client_id))[-1] == (
        changed_at,
        IDLE,
        STREAMING,
        "settings",
    )
    assert await connection_states(tenant, agent.org_id) == {"streaming": 1}
    assert await pending(owner, tenant) == {}

    clock.advance(minutes=5)
    await away.work()
    passed = clock.now() - timedelta(seconds=20)
    assert (await steps(owner, tenant, agent.client_id))[-1] == (
        passed,
        STREAMING,
        IDLE,
        "threshold",
    )


async def test_a_shorter_threshold_moves_devices_on(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock, away: Worker
) -> None:
    await idle(agent, clock, away)
    before = await steps(owner, agent.tenant, agent.client_id)
    change = {"streamingSeconds": 60, "onlineSeconds": 120, "criticalSeconds": 300}
    assert (await agent.tenant.patch(of(agent.org_id), json=change)).status_code == 200
    assert (await agent.read())["status"] == "critical"
    await away.work()
    after = await steps(owner, agent.tenant, agent.client_id)
    assert after == [*before, (clock.now(), IDLE, LOST, "settings")]


async def test_a_device_whose_state_stays_takes_no_step(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock, worker: Worker
) -> None:
    await idle(agent, clock, worker)
    before = await steps(owner, agent.tenant, agent.client_id)
    await choose(agent.tenant, streamingSeconds=301, checkInIntervalSeconds=60)
    await worker.work()
    assert await steps(owner, agent.tenant, agent.client_id) == before


async def test_only_organizations_that_hold_something_else_now_have_devices_follow(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock, away: Worker
) -> None:
    tenant = agent.tenant
    own = await tenant.create_organization("Own")
    assert (await tenant.patch(of(own), json={"streamingSeconds": 600})).status_code == 200
    await away.work()
    # Nothing that devices hold; nothing new; nothing that holds everywhere.
    for change in ({"retentionDays": {"logs": 3}}, {"streamingSeconds": 300}, {}):
        assert (await tenant.patch(MSP, json=change)).status_code == 200
        assert await pending(owner, tenant) == {}
    assert (await tenant.patch(MSP, json={"streamingSeconds": 200})).status_code == 200
    assert await pending(owner, tenant) == {agent.org_id: clock.now()}
    assert await in_force(owner, tenant) == {
        agent.org_id: (200, 3600, 86400, None),
        own: (600, 3600, 86400, None),
    }


async def test_a_change_during_a_change_is_followed_too(
    agent: Agent,
    owner: AsyncEngine,
    clock: StoppedClock,
    away: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even at the same instant, by the clock of another server."""
    await idle(agent, clock, away)
    tenant = agent.tenant
    await tenant.patch(MSP, json={"streamingSeconds": 700})
    first = (await pending(owner, tenant))[agent.org_id]
    follow = Followers._follow

    async def change_first(self: Followers, *args: Any) -> None:
        monkeypatch.undo()
        await follow(self, *args)
        await tenant.patch(MSP, json={"streamingSeconds": 500})
        assert (await pending(owner, tenant))[agent.org_id] > first

    monkeypatch.setattr(Followers, "_follow", change_first)
    await away.work()
    assert await pending(owner, tenant) == {}
    causes = [(row[2], row[3]) for row in await steps(owner, tenant, agent.client_id)]
    assert causes[-2:] == [(STREAMING, "settings"), (IDLE, "settings")]


async def test_a_change_costs_the_same_statements_for_any_number_of_organizations(
    tenant: Tenant, services: Services, owner: AsyncEngine
) -> None:
    seen: list[str] = []

    def note(_c: Connection, _u: object, statement: str, *_: object) -> None:
        seen.append(statement)

    engine = services.tenancy._engine.sync_engine
    counts = []
    for seconds, organizations in ((100, 1), (200, 12)):
        for number in range(organizations):
            await tenant.create_organization(f"Customer {seconds} {number}")
        event.listen(engine, "before_cursor_execute", note)
        await tenant.patch(MSP, json={"streamingSeconds": seconds})
        event.remove(engine, "before_cursor_execute", note)
        counts.append(len(seen))
        seen.clear()
    assert counts[0] == counts[1]
    assert {row[0] for row in (await in_force(owner, tenant)).values()} == {200}


# What copies of settings devices and organizations begin with.


async def test_a_new_organization_begins_with_its_msps_settings(
    tenant: Tenant, other_tenant: Tenant, owner: AsyncEngine
) -> None:
    await choose(tenant, streamingSeconds=60, criticalSeconds=7200, checkInIntervalSeconds=30)
    org_id = await tenant.create_organization("New")
    assert await in_force(owner, tenant) == {org_id: (60, 3600, 7200, 30)}
    assert await pending(owner, tenant) == {}
    foreign = await other_tenant.create_organization("Foreign")
    assert (await in_force(owner, other_tenant))[foreign] == (300, 3600, 86400, None)


async def asked_on_enrolling(tenant: Tenant, org_id: str) -> int:
    token = await tenant.create_enrollment_token(org_id)
    answer = await post_enrollment(tenant.http, token)
    seconds: int = answer.json()["data"]["checkInIntervalSeconds"]
    return seconds


async def test_devices_are_asked_to_check_in_as_often_as_their_organization_chose(
    agent: Agent, clock: StoppedClock, worker: Worker
) -> None:
    tenant = agent.tenant
    sibling = await tenant.enroll(await tenant.create_organization("Sibling"))
    await choose(tenant, checkInIntervalSeconds=1000)
    await choose(tenant, of(agent.org_id), checkInIntervalSeconds=10)
    await worker.work()
    for device, longest in ((agent, 10), (sibling, 1000)):
        assert longest * 0.8 <= await asked_on_enrolling(tenant, device.org_id) <= longest
        for _ in ("first, the careful way", "second, the everyday one"):
            clock.advance(seconds=1)
            seconds = (await device.check_in())["checkInIntervalSeconds"]
            assert longest * 0.8 <= seconds <= longest
    await choose(tenant, of(agent.org_id), checkInIntervalSeconds=None)
    await choose(tenant, checkInIntervalSeconds=None)
    await worker.work()
    clock.advance(seconds=1)
    assert 192 <= (await agent.check_in())["checkInIntervalSeconds"] <= 240


async def test_a_moved_device_is_judged_by_where_it_is(
    agent: Agent, owner: AsyncEngine, clock: StoppedClock, worker: Worker
) -> None:
    await idle(agent, clock, worker)
    tenant = agent.tenant
    target = await tenant.create_organization("Patient")
    await choose(tenant, of(target), streamingSeconds=1800)
    moved = await tenant.patch(f"/v1/devices/{agent.client_id}", json={"orgId": target})
    assert moved.json()["data"]["connectionState"] == "streaming"
    assert await connection_states(tenant, target) == {"streaming": 1}
    assert (await steps(owner, tenant, agent.client_id))[-1][2:] == (STREAMING, "moved")


# How far back logs are read.


async def test_logs_are_read_as_far_back_as_the_msp_chose(
    agent: Agent, other_tenant: Tenant, clock: StoppedClock
) -> None:
    now, tick = clock.now(), timedelta(microseconds=1)
    ages = [timedelta(days=6), timedelta(days=7), timedelta(days=7) + tick, timedelta(days=29)]
    lines = [
        {"severity": "INFO", "payload": {}, "timestamp": (now - age).isoformat()} for age in ages
    ]
    assert (await agent.post_logs(lines)).status_code == 202

    async def shown(**parameters: Any) -> int:
        path = f"/v1/devices/{agent.client_id}/logs"
        return len((await agent.tenant.get(path, params=parameters)).json()["data"])

    await choose(other_tenant, retentionDays={"logs": 1})
    assert await shown() == 4
    await choose(agent.tenant, retentionDays={"logs": 7})
    assert await shown() == 2
    assert await shown(**{"from": (now - timedelta(days=20)).isoformat()}) == 2
    assert await shown(to=(now - ages[2]).isoformat()) == 0
    await choose(agent.tenant, retentionDays={"logs": 6})
    assert await shown() == 1
    await choose(agent.tenant, retentionDays=None)
    assert await shown() == 4
