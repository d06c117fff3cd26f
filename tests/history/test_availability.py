"""Time spent in each state, by one device and by an organization's."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.devices.releases import publish_release
from partner_api.kernel.timestamps import format_timestamp
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.history.reading import STATES, Json, ask, availability, instant, later
from tests.ids import NOBODYS

DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0


def device(agent: Agent) -> str:
    return f"/v1/devices/{agent.client_id}"


def organization(agent: Agent) -> str:
    return f"/v1/organizations/{agent.org_id}"


def spent(**seconds: float) -> Any:
    """All six, those not named are zero; steps at one instant are a microsecond apart."""
    return pytest.approx({**dict.fromkeys(STATES, 0.0), **seconds}, abs=1e-4)


@pytest.fixture
async def lost(agent: Agent, clock: StoppedClock) -> Agent:
    """A device that was seen once, two days ago, and enrolled an hour earlier."""
    await later(agent.tenant, clock, hours=1)
    await agent.check_in()
    await later(agent.tenant, clock, days=2)
    return agent


@pytest.mark.usefixtures("either")
async def test_the_last_day_counts_unless_another_stretch_is_asked_for(
    lost: Agent, clock: StoppedClock
) -> None:
    now = clock.now()
    for path in (device(lost), organization(lost)):
        found = await availability(lost.tenant, path)
        assert (instant(found["from"]), instant(found["to"])) == (now - timedelta(days=1), now)
        assert found["seconds"] == spent(offline=DAY, critical=DAY)
        assert found["share"]["offline"] == found["share"]["critical"] == 1
        before = now - timedelta(days=1)
        found = await availability(lost.tenant, path, to=before)
        assert instant(found["from"]) == before - timedelta(days=1)
        assert found["seconds"] == spent(
            streaming=5 * MINUTE,
            idle=55 * MINUTE,
            offline=23 * HOUR,
            healthy=HOUR,
            warning=23 * HOUR,
        )
        assert found["share"]["healthy"] == pytest.approx(1 / 24)


@pytest.mark.usefixtures("either")
async def test_a_stretch_may_begin_and_end_within_a_state(lost: Agent, clock: StoppedClock) -> None:
    seen = clock.now() - timedelta(days=2)
    for path in (device(lost), organization(lost)):
        for start, end, expected in (
            (-30, 2, spent(offline=1800, critical=1800, streaming=120, healthy=120)),
            (1, 2, spent(streaming=60, healthy=60)),
            (4, 6, spent(streaming=60, idle=60, healthy=120)),
            (59, 61, spent(idle=60, healthy=60, offline=60, warning=60)),
            (70, 80, spent(offline=600, warning=600)),
            (24 * 60 - 1, 24 * 60 + 1, spent(offline=120, warning=60, critical=60)),
        ):
            since = seen + timedelta(minutes=start)
            found = await availability(
                lost.tenant, path, since=since, to=seen + timedelta(minutes=end)
            )
            assert found["seconds"] == expected, (start, end)


@pytest.mark.usefixtures("either")
async def test_the_future_does_not_count(lost: Agent, clock: StoppedClock) -> None:
    now = clock.now()
    for path in (device(lost), organization(lost)):
        ahead = await availability(
            lost.tenant, path, since=now - timedelta(hours=1), to=now + timedelta(days=9)
        )
        assert instant(ahead["to"]) == now
        assert ahead["seconds"] == spent(offline=HOUR, critical=HOUR)


@pytest.mark.usefixtures("either")
async def test_a_device_counts_from_its_enrollment(agent: Agent, clock: StoppedClock) -> None:
    await agent.check_in()
    clock.advance(minutes=4)
    beside = await agent.tenant.enroll(agent.org_id)
    clock.advance(minutes=2)
    assert (await availability(agent.tenant, device(agent)))["seconds"] == spent(
        streaming=300, idle=60, healthy=360
    )
    assert (await availability(agent.tenant, device(beside)))["seconds"] == spent(
        offline=120, critical=120
    )
    assert (await availability(agent.tenant, organization(agent)))["seconds"] == spent(
        streaming=300, idle=60, healthy=360, offline=120, critical=120
    )


@pytest.mark.usefixtures("either")
async def test_a_device_counts_until_its_deletion_in_its_organizations_past(
    agent: Agent, clock: StoppedClock
) -> None:
    await agent.check_in()
    clock.advance(minutes=6)
    await agent.tenant.delete(device(agent))
    gone = clock.now()
    clock.advance(minutes=20)
    found = await availability(agent.tenant, organization(agent))
    assert found["seconds"] == spent(streaming=300, idle=60, healthy=360)
    after = await availability(agent.tenant, organization(agent), since=gone)
    assert after["seconds"] == after["share"] == spent()
    assert (await ask(agent.tenant, f"{device(agent)}/availability")).status_code == 404


@pytest.mark.usefixtures("either")
async def test_a_moved_device_counts_where_it_was(agent: Agent, clock: StoppedClock) -> None:
    tenant = agent.tenant
    target = await tenant.create_organization("Target")
    await agent.check_in()
    clock.advance(minutes=4)
    for minutes, org_id in ((3, target), (2, agent.org_id), (0, target)):
        moved = await tenant.patch(device(agent), json={"orgId": org_id})
        assert moved.status_code == 200
        clock.advance(minutes=minutes)
    assert (await availability(tenant, device(agent)))["seconds"] == spent(
        streaming=300, idle=240, healthy=540
    )
    assert (await availability(tenant, organization(agent)))["seconds"] == spent(
        streaming=240, idle=120, healthy=360
    )
    assert (await availability(tenant, f"/v1/organizations/{target}"))["seconds"] == spent(
        streaming=60, idle=120, healthy=180
    )


@pytest.mark.usefixtures("either")
async def test_a_release_counts_from_the_moment_it_is_published(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    channel = f"c-{uuid.uuid4()}"
    facts = {"channel": channel, "currentVersion": "1.0"}
    agent = await tenant.enroll(await tenant.create_organization(), **facts)
    await agent.check_in()
    clock.advance(minutes=1)
    async with owner.begin() as connection:
        await publish_release(connection, channel, "1.1", None, clock)
    clock.advance(minutes=2)
    for path in (device(agent), organization(agent)):
        assert (await availability(tenant, path))["seconds"] == spent(
            streaming=180, healthy=60, warning=120
        )


@pytest.mark.usefixtures("either")
async def test_changed_settings_count_from_the_moment_of_the_change(
    agent: Agent, clock: StoppedClock
) -> None:
    await agent.check_in()
    clock.advance(minutes=2)
    answer = await agent.tenant.patch(
        f"{organization(agent)}/settings", json={"streamingSeconds": 60}
    )
    assert answer.status_code == 200
    clock.advance(minutes=1)
    for path in (device(agent), organization(agent)):
        assert (await availability(agent.tenant, path))["seconds"] == spent(
            streaming=120, idle=60, healthy=180
        )


@pytest.mark.usefixtures("either")
async def test_both_lives_of_an_id_count(agent: Agent, clock: StoppedClock) -> None:
    await agent.check_in()
    clock.advance(minutes=2)
    await agent.tenant.delete(device(agent))
    clock.advance(minutes=10)
    await agent.tenant.enroll(agent.org_id, clientId=agent.client_id)
    clock.advance(minutes=1)
    for path in (device(agent), organization(agent)):
        assert (await availability(agent.tenant, path))["seconds"] == spent(
            streaming=120, healthy=120, offline=60, critical=60
        )


@pytest.mark.usefixtures("either")
async def test_what_comes_after_the_stretch_does_not_count(
    agent: Agent, clock: StoppedClock
) -> None:
    await agent.check_in()
    start = clock.now()
    clock.advance(minutes=2)
    end = clock.now()
    clock.advance(minutes=7)
    await agent.check_in()
    for _ in range(2):
        await agent.tenant.enroll(agent.org_id)
    clock.advance(minutes=30)
    for path in (device(agent), organization(agent)):
        found = await availability(agent.tenant, path, since=start, to=end)
        assert found["seconds"] == spent(streaming=120, healthy=120)


async def test_a_clock_that_was_ahead_does_no_harm(agent: Agent, clock: StoppedClock) -> None:
    """As after a step back of the machine's clock, or a request that waited for its turn."""
    await agent.check_in()
    clock.advance(minutes=4)
    now = clock.now()
    await agent.tenant.enroll(agent.org_id)
    clock.advance(minutes=3)
    await availability(agent.tenant, organization(agent))
    await agent.check_in()
    clock.reset()
    clock.advance(seconds=(now - clock.now()).total_seconds() - 1)
    for path in (device(agent), organization(agent)):
        found = await availability(agent.tenant, path)
        assert found["seconds"] == spent(streaming=239, healthy=239)


@pytest.mark.usefixtures("either")
async def test_no_more_than_the_retention_is_looked_back(lost: Agent, clock: StoppedClock) -> None:
    tenant, now = lost.tenant, clock.now()
    body = {"retentionDays": {"statusHistory": 1}}
    assert (await tenant.patch("/v1/msp/settings", json=body)).status_code == 200
    cut = now - timedelta(days=1)
    for path in (device(lost), organization(lost)):
        found = await availability(tenant, path, **{"from": "1970-01-01T00:00:00Z"})
        assert instant(found["from"]) == cut
        assert found["seconds"] == spent(offline=DAY, critical=DAY)
        for end in (cut, cut - timedelta(days=1)):
            answer = await ask(tenant, f"{path}/availability", to=end)
            assert answer.status_code == 400
            assert answer.json()["message"].startswith("to")


async def test_by_default_four_hundred_days_are_looked_back(
    agent: Agent, clock: StoppedClock
) -> None:
    for path in (device(agent), organization(agent)):
        found = await availability(agent.tenant, path, **{"from": "1970-01-01T00:00:00Z"})
        assert instant(found["from"]) == clock.now() - timedelta(days=400)


async def test_a_stretch_has_to_begin_before_it_ends_and_before_now(
    agent: Agent, clock: StoppedClock
) -> None:
    now, tick = clock.now(), timedelta(microseconds=1)
    early = now - timedelta(hours=1)
    for path in (device(agent), organization(agent)):
        for query in (
            {"since": early, "to": early},
            {"since": early + tick, "to": early},
            {"since": now},
            {"since": now + timedelta(hours=1)},
            {"since": now, "to": now + timedelta(hours=1)},
        ):
            answer = await ask(agent.tenant, f"{path}/availability", **query)
            assert answer.status_code == 400, query
            assert answer.json()["message"].startswith("from")
        found = await availability(agent.tenant, path, since=now - tick)
        assert sum(found["seconds"].values()) == 0


async def test_an_organization_without_devices_has_no_seconds(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    org_id = await tenant.create_organization()
    found = await availability(tenant, f"/v1/organizations/{org_id}")
    assert found["seconds"] == found["share"] == dict.fromkeys(STATES, 0)
    assert other_tenant.msp != tenant.msp


async def test_no_other_msps_time_counts_or_shows(
    lost: Agent, other_tenant: Tenant, clock: StoppedClock
) -> None:
    other_tenant.token = (await other_tenant.request_token()).json()["access_token"]
    twin = await other_tenant.enroll(
        await other_tenant.create_organization(), clientId=lost.client_id
    )
    clock.advance(minutes=1)
    found = await availability(other_tenant, device(twin))
    assert found["seconds"] == spent(offline=60, critical=60)
    found = await availability(lost.tenant, device(lost))
    assert found["seconds"] == spent(offline=DAY, critical=DAY)
    stranger = await lost.tenant.enroll(lost.org_id)
    for path in (device(stranger), organization(lost)):
        assert (await ask(other_tenant, f"{path}/availability")).status_code == 404


@pytest.mark.parametrize("org_id", [f"org_{NOBODYS}", "x", "%00", "org_", NOBODYS])
async def test_an_organization_that_is_not_there_was_not_found(agent: Agent, org_id: str) -> None:
    answer = await ask(agent.tenant, f"/v1/organizations/{org_id}/availability")
    assert answer.status_code == 404
    assert answer.json() == {"error": "Not Found", "message": "Organization not found"}


async def test_a_deleted_organization_is_not_found(tenant: Tenant) -> None:
    path = f"/v1/organizations/{await tenant.create_organization()}"
    assert (await tenant.delete(path)).status_code == 204
    assert (await ask(tenant, f"{path}/availability")).status_code == 404


async def test_instants_of_any_zone_are_taken_and_answered_in_utc(
    lost: Agent, clock: StoppedClock
) -> None:
    end = clock.now() - timedelta(hours=3)
    shifted = format_timestamp(end + timedelta(hours=2)).replace("Z", "+02:00")
    plain: Json = await availability(lost.tenant, device(lost), to=end)
    assert await availability(lost.tenant, device(lost), to=shifted) == plain
    assert plain["to"] == format_timestamp(end)
