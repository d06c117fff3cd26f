"""The whole server on a distributed database: distributed half filled, then used by two MSPs.

Each test runs on the embedded PostgreSQL, where shards are missing and everything else is as on a
distributed one, and on a real Citus where one is named.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.app import create_app, open_services
from partner_api.config import Databases, Settings
from partner_api.database.cluster import EmbeddedCluster
from partner_api.database.engine import create_engine
from partner_api.database.migrations import upgrade
from partner_api.database.partitions import maintain_partitions
from partner_api.database.pools import acquired, create_pool
from partner_api.events.numbering import Numberer
from partner_api.events.presence import Presence
from partner_api.ingest.check_ins import PLAN_SETTINGS
from partner_api.kernel.errors import Misconfigured
from partner_api.operations.administration import administration
from partner_api.sweep.followers import Followers
from partner_api.sweep.recount import recount
from partner_api.sweep.sweeper import Sweeper
from partner_api.tenancy.grouping import EVERY_TENANT, ONE_TENANT, find_grouping
from tests.clock import StoppedClock
from tests.conftest import RING
from tests.distribution.nodes import (
    CITUS,
    VARIABLE,
    Nodes,
    citus_nodes,
    embedded_nodes,
    join,
    stand_in,
)
from tests.events.log import follow, last_id
from tests.factories.tenants import FACTS, Agent, Tenant, create_tenant, post_enrollment
from tests.tenancy.models import TENANT_TABLES

NAME = "partner_api_served"
ENGINES = [
    "stand-in",
    pytest.param("citus", marks=pytest.mark.skipif(not CITUS, reason=f"{VARIABLE} names no Citus")),
]


@dataclass(frozen=True)
class Fleet:
    """A server on the distributed database, and a device each of two MSPs."""

    nodes: Nodes
    http: httpx.AsyncClient
    owner: AsyncEngine
    clock: StoppedClock
    ours: Agent
    theirs: Agent

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[asyncpg.Pool]:
        settings = {**PLAN_SETTINGS, **ONE_TENANT.plan_settings}
        async with await create_pool(
            self.nodes.databases.worker, size=2, settings=settings
        ) as pool:
            yield pool

    async def sweep(self) -> int:
        async with self.worker() as pool, acquired(pool) as connection:
            return await Sweeper(connection, self.clock, ONE_TENANT).sweep()

    async def follow(self) -> None:
        async with self.worker() as pool:
            await Followers(pool, self.clock).work()

    async def number(self) -> None:
        async with self.worker() as pool, acquired(pool) as connection:
            while await Numberer(connection, self.clock).number():
                """There may be more than one turn's worth."""

    async def pass_minutes(self, minutes: int) -> None:
        """Let time pass, and the server be there all the while."""
        async with await create_pool(self.nodes.databases.api, size=1) as pool:
            presence = Presence(pool, self.clock)
            for _ in range(minutes):
                await presence.beat()
                self.clock.advance(seconds=60)
            await presence.beat()


@asynccontextmanager
async def served(
    databases: Databases, clock: StoppedClock
) -> AsyncIterator[tuple[httpx.AsyncClient, AsyncEngine]]:
    engine = create_engine(databases.require_owner(), size=2)
    async with open_services(Settings(), databases, RING, clock) as services:
        transport = httpx.ASGITransport(app=create_app(services), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://citus.test") as http:
            yield http, engine
    await engine.dispose()


async def a_device(
    engine: AsyncEngine, http: httpx.AsyncClient, clock: StoppedClock, name: str
) -> Agent:
    tenant = await create_tenant(engine, http, clock, name)
    agent = await tenant.enroll(await tenant.create_organization(name), assetId=f"{name} asset")
    await agent.check_in()
    await agent.post_logs([{"severity": "INFO", "payload": {"of": name}}])
    return agent


@pytest.fixture(scope="module", params=ENGINES)
async def fleet(
    request: pytest.FixtureRequest, cluster: EmbeddedCluster, databases: Databases
) -> AsyncIterator[Fleet]:
    is_real = request.param == "citus"
    made = citus_nodes(NAME) if is_real else embedded_nodes(cluster, databases, NAME)
    clock = StoppedClock()
    async with made as nodes:
        await upgrade(nodes.databases, clock.now())
        async with served(nodes.databases, clock) as (http, engine):
            agents = [await a_device(engine, http, clock, name) for name in ("Ours", "Theirs")]
        assert await find_grouping(nodes.databases.ingest) is EVERY_TENANT
        await (join(nodes) if is_real else stand_in(nodes))
        await nodes.distribute()
        assert await find_grouping(nodes.databases.ingest) is ONE_TENANT
        async with served(nodes.databases, clock) as (http, engine):
            for agent in agents:
                agent.tenant.http = http
            yield Fleet(nodes, http, engine, clock, *agents)


async def test_what_was_there_is_there(fleet: Fleet) -> None:
    for agent, name in ((fleet.ours, "Ours"), (fleet.theirs, "Theirs")):
        devices = (await agent.tenant.get("/v1/devices")).json()
        assert [row["assetId"] for row in devices["data"]] == [f"{name} asset"]
        logs = (await agent.tenant.get(f"/v1/devices/{agent.client_id}/logs")).json()["data"]
        assert [entry["payload"]["of"] for entry in logs] == [name]
        found = (await agent.tenant.get("/v1/devices?q=asset")).json()["meta"]["total"]
        assert found == 1


async def test_a_device_lives_its_whole_life(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    tenant = fleet.ours.tenant
    one, two = [await tenant.create_organization(name) for name in ("Here", "There")]
    agent = await tenant.enroll(one, assetId="Wanderer")
    for body in ({}, {}, {"osVersion": "16"}, {"checkIns": [{"sequence": 7}, {"sequence": 8}]}):
        fleet.clock.advance(seconds=30)
        assert (await agent.post_check_in(**body)).status_code == 200
    assert (await agent.post_logs([{"severity": "ERROR", "payload": {}}] * 3)).status_code == 202
    token = await tenant.create_enrollment_token(one)
    assert (await post_enrollment(fleet.http, token, clientId=agent.client_id)).is_success
    edit = {"orgId": two, "tags": ["new"], "assetId": "Moved"}
    assert (await tenant.patch(f"/v1/devices/{agent.client_id}", json=edit)).status_code == 200
    item = {"clientId": agent.client_id, **FACTS}
    for _ in ("news", "an everyday one"):
        fleet.clock.advance(seconds=30)
        relayed = await tenant.post("/v1/check-ins", json={"checkIns": [item]})
        assert relayed.json()["data"]["accepted"] == 1
    assert not [each for each in caplog.records if each.name == "partner_api.ingest.relayed"]
    found = (await tenant.get("/v1/devices?q=moved&include=status")).json()["data"]
    assert [row["orgId"] for row in found] == [two]
    path = f"/v1/devices/{agent.client_id}"
    causes = [step["cause"] for step in (await tenant.get(f"{path}/status-history")).json()["data"]]
    assert causes == ["moved", "check-in", "enrolled"]
    for read in (f"{path}/availability", f"/v1/organizations/{two}/availability"):
        assert (await tenant.get(read)).status_code == 200
    assert (await tenant.delete(path)).status_code == 204
    for org_id in (one, two):
        assert (await tenant.delete(f"/v1/organizations/{org_id}")).status_code == 204


async def test_every_sort_and_filter_is_answered(fleet: Fleet) -> None:
    tenant, org_id = fleet.ours.tenant, fleet.ours.org_id
    narrowed = ["", f"&orgId={org_id}", "&status=healthy", "&connectionState=streaming", "&q=ours"]
    for sort in ("status", "lastSeen", "version", "assetId", "clientId"):
        for wanted in narrowed:
            answer = await tenant.get(f"/v1/devices?limit=1&sortBy={sort}{wanted}")
            assert answer.status_code == 200, answer.text
    for path in ("/v1/organizations", f"/v1/msp/{tenant.msp}/stats", "/v1/credentials"):
        assert (await tenant.get(path)).status_code == 200


async def test_two_msps_report_at_once(fleet: Fleet) -> None:
    agents = [
        await agent.tenant.enroll(agent.org_id)
        for agent in (fleet.ours, fleet.theirs)
        for _ in range(3)
    ]
    for _ in range(3):
        fleet.clock.advance(seconds=1)
        lines = [{"severity": "INFO", "payload": {}}]
        reports = [agent.post_check_in() for agent in agents]
        answers = await asyncio.gather(*reports, *(agent.post_logs(lines) for agent in agents))
        assert {answer.status_code for answer in answers} == {200, 202}
    fleet.clock.advance(seconds=301)
    assert await fleet.sweep() >= len(agents)
    for agent in agents:
        assert (await recorded(fleet, agent))[-1][1] == "threshold"
        assert (await agent.read())["checkInCount"] == 3


async def test_the_sweep_records_what_passes(fleet: Fleet) -> None:
    await fleet.sweep()
    tenant = fleet.theirs.tenant
    agent = await tenant.enroll(fleet.theirs.org_id)
    await agent.check_in()
    fleet.clock.advance(seconds=301)
    assert await fleet.sweep() >= 1
    rows = await recorded(fleet, agent)
    assert rows[-1] == (fleet.clock.now() - timedelta(seconds=1), "threshold")
    stats = (await tenant.get(f"/v1/msp/{tenant.msp}/stats")).json()["data"]
    devices = (await tenant.get("/v1/devices")).json()["data"]
    assert stats["totalDevices"] == len(devices)
    async with fleet.worker() as pool:
        assert await recount(pool) == 0


async def recorded(fleet: Fleet, agent: Agent) -> list[tuple[datetime, str]]:
    connection = await asyncpg.connect(fleet.nodes.coordinator)
    rows = await connection.fetch(
        "select at, cause from device_transitions where msp_id = $1 and client_id = $2::text::uuid "
        "order by at",
        agent.tenant.msp_id,
        agent.client_id,
    )
    await connection.close()
    return [tuple(row) for row in rows]


async def test_releases_and_settings_reach_devices(fleet: Fleet) -> None:
    agent = fleet.theirs
    await agent.check_in()
    async with administration(fleet.nodes.databases.require_owner(), fleet.clock) as operator:
        await operator.publish_release("stable", "9.9.9", None)
    assert (await agent.read())["isCurrentVersion"] is False
    fleet.clock.advance(seconds=61)
    await agent.check_in()
    await fleet.sweep()
    settings = f"/v1/organizations/{agent.org_id}/settings"
    changed = await agent.tenant.patch(settings, json={"streamingSeconds": 120})
    assert changed.status_code == 200, changed.text
    fleet.clock.advance(seconds=130)
    await fleet.follow()
    causes = [cause for _, cause in await recorded(fleet, agent)]
    assert "release" in causes
    await fleet.sweep()
    assert (await agent.read())["connectionState"] == "idle"


async def test_events_of_each_device_come_in_their_order(fleet: Fleet) -> None:
    tenants = [fleet.ours.tenant, fleet.theirs.tenant]
    await fleet.number()
    ends = [await last_id(tenant) for tenant in tenants]
    for tenant in tenants:
        assert (await tenant.get("/v1/events?types=device.checkin")).status_code == 200
    clients = await asyncio.gather(*(_live_and_die(fleet, tenant) for tenant in tenants))
    await fleet.number()
    for tenant, end, client_id in zip(tenants, ends, clients, strict=True):
        events = await follow(tenant, end)
        assert {event["mspId"] for event in events} == {tenant.msp}
        first = int(end.removeprefix("evt_")) + 1
        places = [int(event["id"].removeprefix("evt_")) for event in events]
        assert places == list(range(first, first + len(events)))
        types = [event["type"] for event in await follow(tenant, end, clientId=client_id)]
        assert types == [
            "device.enrolled",
            *("device.online", "device.status_changed", "device.checkin"),
            "device.moved",
            "device.checkin",
            *("device.version_changed", "device.checkin"),
            "device.deleted",
        ]


async def _live_and_die(fleet: Fleet, tenant: Tenant) -> str:
    """Changes by turns what is written on a device's node and what is written elsewhere."""
    one, two = [await tenant.create_organization(name) for name in ("From", "To")]
    agent = await tenant.enroll(one)
    await agent.check_in()
    path = f"/v1/devices/{agent.client_id}"
    assert (await tenant.patch(path, json={"orgId": two})).is_success
    fleet.clock.advance(seconds=1)
    relayed = {"checkIns": [{"clientId": agent.client_id}]}
    assert (await tenant.post("/v1/check-ins", json=relayed)).is_success
    fleet.clock.advance(seconds=1)
    await agent.check_in(currentVersion="2.0.0")
    assert (await tenant.delete(path)).is_success
    return agent.client_id


async def test_outages_are_told_once(fleet: Fleet) -> None:
    agent = await fleet.theirs.tenant.enroll(fleet.theirs.org_id)
    tenant = agent.tenant
    settings = f"/v1/organizations/{agent.org_id}/settings"
    assert (await tenant.patch(settings, json={"offlineEventSeconds": 120})).is_success
    await fleet.follow()
    await agent.check_in()
    await fleet.pass_minutes(3)
    for _ in range(2):
        await fleet.sweep()
    await agent.check_in()
    await fleet.number()
    outages = {"clientId": agent.client_id, "types": "device.online,device.offline"}
    told = await follow(tenant, None, **outages)
    assert [event["type"] for event in told] == [
        "device.online",
        "device.offline",
        "device.online",
    ]
    times = [datetime.fromisoformat(event["timestamp"]) for event in told]
    assert [at - times[0] for at in times[1:]] == [timedelta(minutes=2), timedelta(minutes=3)]


async def test_what_the_operator_does_is_told(fleet: Fleet) -> None:
    tenants = [fleet.ours.tenant, fleet.theirs.tenant]
    await fleet.number()
    ends = [await last_id(tenant) for tenant in tenants]
    ours = tenants[0]
    org_id = await ours.create_organization("Acme")
    assert (await ours.patch(f"/v1/organizations/{org_id}", json={"name": "Acme Ltd"})).is_success
    assert (await ours.delete(f"/v1/organizations/{org_id}")).is_success
    async with administration(fleet.nodes.databases.require_owner(), fleet.clock) as operator:
        new = await operator.create_credential(ours.msp)
        await operator.set_credential_enabled(new.client_id, enabled=False)
        await operator.publish_release("events", "9.9", None)
    await fleet.number()
    logs = [await follow(*place) for place in zip(tenants, ends, strict=True)]
    told = [[event["type"] for event in log] for log in logs]
    assert told == [
        [
            *("org.created", "org.updated", "org.deleted"),
            *("credential.created", "credential.disabled", "release.published"),
        ],
        ["release.published"],
    ]


async def test_no_msp_sees_another(fleet: Fleet) -> None:
    ours, theirs = fleet.ours, fleet.theirs
    assert (await theirs.tenant.get(f"/v1/devices/{ours.client_id}")).status_code == 404
    for place in (fleet.nodes.databases.api, *fleet.nodes.logins_on_workers("api")):
        login = await asyncpg.connect(place)
        for table in TENANT_TABLES:
            with pytest.raises((asyncpg.UndefinedObjectError, asyncpg.DataError)):
                await login.fetch(f"select 1 from {table}")
        async with login.transaction():
            await login.execute(f"set local app.msp_id = '{ours.tenant.msp_id}'")
            for table in TENANT_TABLES:
                foreign = f"select count(*) from {table} where msp_id <> $1"
                assert await login.fetchval(foreign, ours.tenant.msp_id) == 0
            assert await login.fetchval("select count(*) from devices") >= 1
        await login.close()


async def test_partitions_come_and_go_on_every_node(fleet: Fleet) -> None:
    async with fleet.worker() as pool, acquired(pool) as connection:
        await maintain_partitions(connection, fleet.clock.now() + timedelta(days=3))
    latest = f"logs_{fleet.clock.now() + timedelta(days=10):%Y%m%d}"
    for url in (fleet.nodes.coordinator, *fleet.nodes.workers):
        node = await asyncpg.connect(url)
        assert await node.fetchval("select to_regclass($1)", latest) is not None
        await node.close()


async def test_nothing_is_begun_while_a_server_is_connected(fleet: Fleet) -> None:
    await fleet.ours.read()
    with pytest.raises(Misconfigured, match="servers or workers are still connected"):
        await fleet.nodes.distribute()
