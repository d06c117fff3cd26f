"""A device's steps, as they are listed."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant, post_enrollment
from tests.fleet.fleets import next_target
from tests.history.reading import (
    ago,
    ask,
    brief,
    history_of,
    instant,
    later,
    read,
    steps,
    walked,
)
from tests.ids import NOBODYS
from tests.worker import Worker

TICK = timedelta(microseconds=1)
ENROLLED = ("", "offline critical", "enrolled")
SEEN = ("offline critical", "streaming healthy", "check-in")
IDLE = ("streaming healthy", "idle healthy", "threshold")
OFFLINE = ("idle healthy", "offline warning", "threshold")
LOST = ("offline warning", "offline critical", "threshold")


@pytest.fixture
async def lost(agent: Agent, clock: StoppedClock) -> Agent:
    """A device that was seen once, two days ago, and enrolled a minute earlier."""
    clock.advance(minutes=1)
    await agent.check_in()
    await later(agent.tenant, clock, days=2)
    return agent


@pytest.mark.usefixtures("either")
async def test_each_step_is_listed_at_its_own_moment_newest_first(
    lost: Agent, clock: StoppedClock
) -> None:
    found = await steps(lost)
    assert [brief(step) for step in found] == [LOST, OFFLINE, IDLE, SEEN, ENROLLED]
    seen = timedelta(days=2)
    assert [ago(clock, step) for step in found] == [
        seen - timedelta(days=1),
        seen - timedelta(hours=1),
        seen - timedelta(minutes=5),
        seen,
        seen + timedelta(minutes=1),
    ]
    assert found[0].keys() == {"at", "from", "to", "cause"}
    assert found[-1].keys() == {"at", "to", "cause"}


async def test_steps_show_once_while_they_come_to_be_recorded(lost: Agent, absent: Worker) -> None:
    before = await steps(lost)
    first = await ask(lost.tenant, history_of(lost), limit=2)
    await absent.work()
    target = next_target(first)
    assert target is not None
    rest = await lost.tenant.get(target)
    assert first.json()["data"] + rest.json()["data"] == before[:4]
    assert rest.json()["meta"]["total"] == 5
    assert await steps(lost) == before


@pytest.mark.usefixtures("either")
async def test_a_walk_shows_the_list_whatever_the_page_size(lost: Agent) -> None:
    whole = await steps(lost)
    for size in range(1, 7):
        assert await walked(lost, size) == whole


@pytest.mark.usefixtures("either")
async def test_from_and_to_are_both_included(lost: Agent) -> None:
    whole = await steps(lost)
    newest, oldest = instant(whole[1]["at"]), instant(whole[3]["at"])
    assert await steps(lost, since=oldest, to=newest) == whole[1:4]
    assert await steps(lost, since=oldest + TICK, to=newest - TICK) == whole[2:3]
    assert await steps(lost, since=newest) == whole[:2]
    assert await steps(lost, to=oldest) == whole[3:]
    assert await steps(lost, since=newest, to=oldest) == []


@pytest.mark.usefixtures("either")
async def test_a_release_outdates_at_the_moment_it_is_published(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    channel = f"c-{uuid.uuid4()}"
    facts = {"channel": channel, "currentVersion": "1.0"}
    agent = await tenant.enroll(await tenant.create_organization(), **facts)
    await agent.check_in()
    for version, listed in (("0.9", 2), ("1.1", 3), ("1.2", 3)):
        clock.advance(minutes=1)
        async with owner.begin() as connection:
            await publish_release(connection, channel, version, None, clock)
        assert len(await steps(agent)) == listed
    clock.advance(minutes=30)
    idle, outdated, *_ = await steps(agent)
    assert brief(outdated) == ("streaming healthy", "streaming warning", "release")
    assert ago(clock, outdated) == timedelta(minutes=31)
    assert brief(idle) == ("streaming warning", "idle warning", "threshold")


@pytest.mark.usefixtures("either")
async def test_changed_settings_move_a_device_at_the_moment_of_the_change(
    agent: Agent, clock: StoppedClock
) -> None:
    await agent.check_in()
    clock.advance(minutes=2)
    path = f"/v1/organizations/{agent.org_id}/settings"
    assert (await agent.tenant.patch(path, json={"streamingSeconds": 60})).status_code == 200
    clock.advance(minutes=1)
    changed, *_ = await steps(agent)
    assert brief(changed) == ("streaming healthy", "idle healthy", "settings")
    assert ago(clock, changed) == timedelta(minutes=1)


@pytest.mark.usefixtures("either")
async def test_a_move_is_a_step_also_when_the_state_stays(
    agent: Agent, clock: StoppedClock
) -> None:
    target = await agent.tenant.create_organization("Target")
    await agent.check_in()
    clock.advance(minutes=1)
    await agent.tenant.patch(f"/v1/devices/{agent.client_id}", json={"orgId": target})
    moved, *_ = await steps(agent)
    assert brief(moved) == ("streaming healthy", "streaming healthy", "moved")
    assert ago(clock, moved) == timedelta(0)


@pytest.mark.usefixtures("either")
async def test_an_earlier_life_of_the_same_id_shows(agent: Agent, clock: StoppedClock) -> None:
    await agent.check_in()
    clock.advance(minutes=6)
    path = f"/v1/devices/{agent.client_id}"
    assert (await agent.tenant.delete(path)).status_code == 204
    assert (await ask(agent.tenant, history_of(agent))).status_code == 404
    clock.advance(minutes=1)
    token = await agent.tenant.create_enrollment_token(agent.org_id)
    await post_enrollment(agent.tenant.http, token, clientId=agent.client_id)
    found = await steps(agent)
    assert [brief(step) for step in found] == [
        ENROLLED,
        ("idle healthy", "", "deleted"),
        IDLE,
        SEEN,
        ENROLLED,
    ]
    assert found[1].keys() == {"at", "from", "cause"}


@pytest.mark.usefixtures("either")
async def test_what_is_older_than_the_msps_retention_does_not_show(
    lost: Agent, clock: StoppedClock
) -> None:
    tenant = lost.tenant
    await _keep(tenant, days=1)
    assert [brief(step) for step in await steps(lost)] == [LOST]
    await later(tenant, clock, microseconds=1)
    assert await steps(lost) == []
    assert await steps(lost, since=clock.now() - timedelta(days=9)) == []
    await _keep(tenant, days=2)
    assert len(await steps(lost)) == 3
    await _keep(tenant, days=400)
    assert len(await steps(lost)) == 5


async def _keep(tenant: Tenant, days: int) -> None:
    body = {"retentionDays": {"statusHistory": days}}
    assert (await tenant.patch("/v1/msp/settings", json=body)).status_code == 200


async def test_another_devices_or_msps_steps_do_not_show(
    lost: Agent, other_tenant: Tenant, clock: StoppedClock
) -> None:
    other_tenant.token = (await other_tenant.request_token()).json()["access_token"]
    other = await other_tenant.create_organization()
    # The same id may be enrolled with two MSPs.
    token = await other_tenant.create_enrollment_token(other)
    await post_enrollment(other_tenant.http, token, clientId=lost.client_id)
    theirs = Agent(other_tenant, lost.client_id, other, "")
    assert [brief(step) for step in await steps(theirs)] == [ENROLLED]
    assert len(await steps(lost)) == 5
    beside = await lost.tenant.enroll(lost.org_id)
    assert [ago(clock, step) for step in await steps(beside)] == [timedelta(0)]
    path = history_of(beside)
    for caller in (other_tenant, lost.tenant):
        answer = await ask(caller, path)
        assert answer.status_code == (200 if caller is lost.tenant else 404)


@pytest.mark.parametrize(
    "client_id", [NOBODYS, "x", "%00", "org_x", "6ba7b8109dad11d180b400c04fd430c8"]
)
async def test_a_device_that_is_not_there_was_not_found(agent: Agent, client_id: str) -> None:
    for path in ("status-history", "availability"):
        answer = await ask(agent.tenant, f"/v1/devices/{client_id}/{path}")
        assert answer.status_code == 404
        assert answer.json() == {"error": "Not Found", "message": "Device not found"}


async def test_a_cursor_is_good_for_its_own_walk_only(
    lost: Agent, other_tenant: Tenant, clock: StoppedClock
) -> None:
    tenant, now = lost.tenant, clock.now()
    beside = await tenant.enroll(lost.org_id)
    page = await read(tenant, history_of(lost), limit=1, to=now)
    cursor = page["meta"]["nextCursor"]
    ahead = await ask(tenant, history_of(lost), limit=3, to=now, cursor=cursor)
    assert len(ahead.json()["data"]) == 3
    other_tenant.token = (await other_tenant.request_token()).json()["access_token"]
    changed = "B" if cursor[-1] == "A" else "A"
    for answer in (
        await ask(tenant, history_of(lost), cursor=cursor),
        await ask(tenant, history_of(lost), cursor=cursor, to=now, since=now),
        await ask(tenant, history_of(beside), cursor=cursor, to=now),
        await ask(tenant, "/v1/devices", cursor=cursor),
        await ask(tenant, history_of(lost), cursor=changed + cursor[1:], to=now),
    ):
        assert answer.status_code == 400
        assert "cursor" in answer.json()["message"]
    assert (await ask(other_tenant, history_of(lost), cursor=cursor, to=now)).status_code == 400


HOSTILE = [
    ("limit=0", "limit"),
    ("limit=1001", "limit"),
    ("limit=-1", "limit"),
    ("limit=1.5", "limit"),
    ("limit=1e2", "limit"),
    ("limit=%D9%A3", "limit"),
    ("limit=", "limit"),
    ("limit=1" + "0" * 400, "limit"),
    ("limit=1&limit=1", "limit"),
    ("cursor=made-up", "cursor"),
    ("cursor=%00", "cursor"),
    ("cursor=" + "A" * 20_000, "cursor"),
    ("from=yesterday", "from"),
    ("from=", "from"),
    ("from=1771934100", "from"),
    ("from=2026-02-24T11:55:00", "from"),
    ("from=infinity", "from"),
    ("from=1969-12-31T23:59:59Z", "from"),
    ("from=2026-02-24T11:55:00Z&from=2026-02-24T11:55:00Z", "from"),
    ("to=2200-01-01T00:00:00Z", "to"),
    ("to=2026-02-30T00:00:00Z", "to"),
    ("to=-infinity", "to"),
    ("to=%00", "to"),
    ("to=%27%20or%201%3D1", "to"),
]


@pytest.mark.parametrize(("query", "name"), HOSTILE, ids=lambda part: part[:40])
async def test_a_wrong_parameter_is_refused_by_its_name(
    agent: Agent, query: str, name: str
) -> None:
    paths = [history_of(agent)]
    if name in {"from", "to"}:
        paths.append(f"/v1/devices/{agent.client_id}/availability")
        paths.append(f"/v1/organizations/{agent.org_id}/availability")
    for path in paths:
        answer = await agent.tenant.get(f"{path}?{query}")
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"] == "Bad Request"
        assert answer.json()["message"].startswith(name)


async def test_instants_at_the_ends_of_time_are_taken(agent: Agent) -> None:
    first, last = "1970-01-01T00:00:00Z", "2199-12-31T23:59:59.999999Z"
    assert len(await steps(agent, **{"from": first, "to": last})) == 1
    assert await steps(agent, **{"from": last}) == []
    assert await steps(agent, to=first) == []
