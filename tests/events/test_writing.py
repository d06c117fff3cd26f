"""What is written into the log, each fact once, at the moment it happened."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.config import Databases
from partner_api.database.pools import acquired, create_pool
from partner_api.events.numbering import Numberer
from partner_api.operations.administration import Administration
from partner_api.surfaces.partner.services import Services
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.history.conftest import away
from tests.worker import Worker

Told = Callable[[], Awaitable[Sequence[asyncpg.Record]]]


@pytest.fixture
async def told(databases: Databases, tenant: Tenant, clock: StoppedClock) -> AsyncIterator[Told]:
    """The tenant's events since this was last asked, numbered for the purpose."""
    after = 0
    async with (
        await create_pool(databases.worker, size=1) as pool,
        acquired(pool) as connection,
        await create_pool(databases.require_owner(), size=1) as owners,
    ):
        numberer = Numberer(connection, clock)

        async def tell() -> Sequence[asyncpg.Record]:
            nonlocal after
            while await numberer.number():
                pass
            async with acquired(owners) as owner:
                rows = await owner.fetch(_LOG, tenant.msp_id, after)
            after = rows[-1]["position"] if rows else after
            return rows

        await tell()
        yield tell


@pytest.fixture
async def sweeper(worker: Worker, owner: AsyncEngine) -> AsyncIterator[Worker]:
    """The worker, which sweeps when a test says so."""
    async with away(worker, owner):
        yield worker


def kinds(rows: Sequence[asyncpg.Record]) -> list[str]:
    return [row["type"] for row in rows]


def facts(row: asyncpg.Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["data"])
    return found


async def interested(databases: Databases, tenant: Tenant, until: datetime) -> None:
    connection = await asyncpg.connect(databases.require_owner())
    await connection.execute(_INTEREST, tenant.msp_id, until)
    await connection.close()


async def test_a_device_from_enrollment_to_deletion(
    tenant: Tenant, agent: Agent, told: Told, sweeper: Worker, clock: StoppedClock
) -> None:
    elsewhere = await tenant.create_organization("Elsewhere")
    assert kinds(await told()) == ["org.created"]
    clock.advance(seconds=60)
    first = clock.now()
    await agent.check_in()
    online, changed = await told()
    assert kinds([online, changed]) == ["device.online", "device.status_changed"]
    assert {online["happened_at"], changed["happened_at"]} == {first}
    assert facts(online)["device"]["checkInCount"] == 1
    clock.advance(seconds=3700)
    await sweeper.work()
    rows = await told()
    assert kinds(rows) == ["device.status_changed", "device.status_changed", "device.offline"]
    assert [row["happened_at"] - first for row in rows] == [
        timedelta(minutes=5),
        timedelta(hours=1),
        timedelta(hours=1),
    ]
    clock.advance(seconds=60)
    await agent.check_in()
    assert kinds(await told()) == ["device.online", "device.status_changed"]
    clock.advance(seconds=60)
    await agent.check_in(currentVersion="2.0.0")
    (version,) = await told()
    assert version["type"] == "device.version_changed"
    assert facts(version)["previous"] == {"currentVersion": "1.0.5.42"}
    assert facts(version)["device"]["currentVersion"] == "2.0.0"
    tenant.token = (await tenant.request_token()).json()["access_token"]
    answer = await tenant.patch(f"/v1/devices/{agent.client_id}", json={"orgId": elsewhere})
    assert answer.status_code == 200, answer.text
    (moved,) = await told()
    assert (moved["type"], f"org_{moved['org_id']}") == ("device.moved", elsewhere)
    assert f"org_{facts(moved)['previous']['orgId']}" == agent.org_id
    await tenant.delete(f"/v1/devices/{agent.client_id}")
    (deleted,) = await told()
    assert deleted["type"] == "device.deleted"
    assert facts(deleted)["device"]["currentVersion"] == "2.0.0"


async def test_an_outage_is_told_once_whoever_notices(
    agent: Agent, told: Told, sweeper: Worker, clock: StoppedClock
) -> None:
    await agent.check_in()
    seen = clock.now()
    await told()
    clock.advance(seconds=7200)
    # Nobody swept: the device itself is the first to tell.
    await agent.check_in()
    rows = [row for row in await told() if row["type"] in ("device.offline", "device.online")]
    assert kinds(rows) == ["device.offline", "device.online"]
    assert [row["happened_at"] - seen for row in rows] == [timedelta(hours=1), timedelta(hours=2)]
    await sweeper.work()
    clock.advance(seconds=7200)
    await sweeper.work()
    await sweeper.work()
    assert kinds(await told()).count("device.offline") == 1


async def test_outages_among_late_check_ins_are_told(
    agent: Agent, told: Told, sweeper: Worker, clock: StoppedClock
) -> None:
    await agent.check_in()
    start = clock.now()
    await told()
    clock.advance(seconds=4 * 3600)
    await sweeper.work()
    moments = [start + timedelta(minutes=minutes) for minutes in (10, 20, 200)]
    await agent.check_in(
        checkIns=[
            {"observedAt": moment.isoformat(), "sequence": n} for n, moment in enumerate(moments)
        ]
    )
    rows = [row for row in await told() if row["type"] in ("device.offline", "device.online")]
    assert [(row["type"], row["happened_at"] - start) for row in rows] == [
        ("device.offline", timedelta(minutes=60)),
        # What was seen before that does not end it, told at once or one by one.
        ("device.online", timedelta(minutes=200)),
    ]
    clock.advance(seconds=4 * 3600)
    await sweeper.work()
    for minutes in (250, 350, 480):
        moment = start + timedelta(minutes=minutes)
        await agent.check_in(checkIns=[{"observedAt": moment.isoformat(), "sequence": minutes}])
    rows = [row for row in await told() if row["type"] in ("device.offline", "device.online")]
    assert [(row["type"], row["happened_at"] - start) for row in rows] == [
        ("device.offline", timedelta(minutes=260)),
        ("device.online", timedelta(minutes=350)),
        ("device.offline", timedelta(minutes=410)),
        ("device.online", timedelta(minutes=480)),
    ]


async def test_an_organization_s_own_threshold_counts(
    tenant: Tenant, agent: Agent, told: Told, sweeper: Worker, clock: StoppedClock
) -> None:
    await agent.check_in()
    path = f"/v1/organizations/{agent.org_id}/settings"
    answer = await tenant.patch(path, json={"offlineEventSeconds": 120})
    assert answer.status_code == 200, answer.text
    await sweeper.work()
    await told()
    clock.advance(seconds=121)
    await sweeper.work()
    (offline,) = await told()
    assert offline["type"] == "device.offline"
    clock.advance(seconds=1)
    await agent.check_in()
    assert kinds(await told()) == ["device.online"]


async def test_after_the_server_was_away_devices_have_their_time_again(
    databases: Databases,
    services: Services,
    agent: Agent,
    told: Told,
    sweeper: Worker,
    clock: StoppedClock,
) -> None:
    await agent.check_in()
    seen = clock.now()
    await told()
    connection = await asyncpg.connect(databases.require_owner())
    try:
        # A restart takes less than a minute; this took two hours.
        await services.presence.beat()
        clock.advance(seconds=7200)
        await sweeper.work()
        assert "device.offline" not in kinds(await told())
        await services.presence.beat()
        await connection.execute("update server_presence set seen_at = 'infinity'")
        clock.advance(seconds=3599)
        await sweeper.work()
        assert "device.offline" not in kinds(await told())
        clock.advance(seconds=2)
        await sweeper.work()
        (offline,) = [row for row in await told() if row["type"] == "device.offline"]
        assert offline["happened_at"] == seen + timedelta(hours=1)
    finally:
        await connection.execute(
            "update server_presence set seen_at = 'infinity', resumed_at = null"
        )
        await connection.close()


async def test_check_ins_are_written_while_somebody_wants_them(
    databases: Databases, tenant: Tenant, agent: Agent, told: Told, clock: StoppedClock
) -> None:
    await agent.check_in()
    await told()
    clock.advance(seconds=10)
    await agent.check_in()
    assert await told() == []
    await interested(databases, tenant, clock.now() + timedelta(seconds=60))
    for n in range(3):
        clock.advance(seconds=10)
        await agent.check_in(sequence=n)
    moments = [clock.now() - timedelta(seconds=back) for back in (3, 2)]
    late = [{"observedAt": moment.isoformat()} for moment in moments]
    await agent.check_in(checkIns=late)
    clock.advance(seconds=10)
    relayed = await tenant.post("/v1/check-ins", json={"checkIns": [{"clientId": agent.client_id}]})
    assert relayed.json()["data"]["accepted"] == 1, relayed.text
    rows = await told()
    assert kinds(rows) == ["device.checkin"] * 6
    clock.advance(seconds=60)
    await agent.check_in()
    assert await told() == []


async def test_organizations_credentials_and_releases(
    owner: AsyncEngine, tenant: Tenant, told: Told, clock: StoppedClock
) -> None:
    org_id = await tenant.create_organization("Acme")
    for name in ("Acme", "Acme Ltd"):
        await tenant.patch(f"/v1/organizations/{org_id}", json={"name": name})
    await tenant.delete(f"/v1/organizations/{org_id}")
    rows = await told()
    assert kinds(rows) == ["org.created", "org.updated", "org.deleted"]
    assert facts(rows[1])["previous"] == {"name": "Acme"}
    await tenant.post("/v1/credentials/regenerate")
    operator = Administration(owner, clock)
    new = await operator.create_credential(f"msp_{tenant.msp_id}")
    for enabled in (True, False, False, True):
        await operator.set_credential_enabled(new.client_id, enabled=enabled)
    await operator.publish_release("events", "9.9", None)
    rows = await told()
    assert kinds(rows) == [
        "credential.regenerated",
        "credential.created",
        "credential.disabled",
        "release.published",
    ]
    assert "secret" not in str([row["data"] for row in rows]).lower()


async def test_places_have_no_gap(tenant: Tenant, told: Told) -> None:
    for n in range(5):
        await tenant.create_organization(f"Org {n}")
    rows = await told()
    first = rows[0]["position"]
    assert [row["position"] for row in rows] == list(range(first, first + 5))


_LOG = "select * from events where msp_id = $1 and position > $2 order by position"
_INTEREST = """
    insert into event_interests (msp_id, source, until) values ($1, 'followers', $2)
    on conflict (msp_id, source) do update set until = excluded.until"""
