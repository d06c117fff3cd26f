"""The log as integrators page through it."""

import asyncio
import json
import random
from collections import defaultdict
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from partner_api.config import Databases
from partner_api.events import log as events_log
from partner_api.events.types import EventType
from partner_api.kernel.ids import parse_client_id
from partner_api.surfaces.partner.event_mapping import MODELS
from tests.clock import StoppedClock
from tests.events.log import DEVICE, WRITE, Log, follow, last_id, read
from tests.factories.tenants import Agent, Tenant


async def test_an_event_shows_the_device_as_the_api_does(
    tenant: Tenant, log: Log, clock: StoppedClock
) -> None:
    agent = await tenant.enroll(
        await tenant.create_organization(), serialNumber="C02X", userName="Alice"
    )
    enrolled = await agent.read()
    await agent.check_in()
    seen = await agent.read()
    await log.number()
    types = ["device.enrolled", "device.status_changed"]
    about_it = await follow(tenant, None, clientId=agent.client_id, types=types)
    assert [event["type"] for event in about_it] == types
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    for event, device in zip(about_it, (enrolled, seen), strict=True):
        assert event["data"]["device"] == device
        assert (event["mspId"], event["orgId"]) == (tenant.msp, agent.org_id)
        assert event["timestamp"].startswith(now[:-1])
        assert list(event) == ["id", "type", "timestamp", "mspId", "orgId", "data"]
    assert "previous" not in about_it[0]["data"]
    assert about_it[1]["data"]["previous"] == {
        "status": enrolled["status"],
        "connectionState": enrolled["connectionState"],
    }


async def test_an_event_shows_what_was_before(agent: Agent, log: Log) -> None:
    tenant, elsewhere = agent.tenant, await agent.tenant.create_organization("Elsewhere")
    await agent.check_in()
    await agent.check_in(currentVersion="2.0")
    await tenant.patch(f"/v1/devices/{agent.client_id}", json={"orgId": elsewhere})
    await tenant.patch(f"/v1/organizations/{elsewhere}", json={"name": "Renamed"})
    await log.number()
    events = await follow(tenant, None)
    before = {event["type"]: event["data"].get("previous") for event in events}
    assert before["device.moved"] == {"orgId": agent.org_id}
    assert before["org.updated"] == {"name": "Elsewhere"}
    moved = next(event for event in events if event["type"] == "device.moved")
    assert moved["orgId"] == moved["data"]["device"]["orgId"] == elsewhere
    renamed = next(event for event in events if event["type"] == "org.updated")
    assert renamed["data"]["organization"] == {
        "orgId": elsewhere,
        "name": "Renamed",
        "mspId": tenant.msp,
        "slug": "elsewhere",
    }


@pytest.mark.parametrize(
    ("event_type", "facts", "shown"),
    [
        (
            "device.version_changed",
            {"device": DEVICE, "previous": {"currentVersion": "1.0"}},
            {"previous": {"currentVersion": "1.0"}},
        ),
        (
            "credential.disabled",
            {"credential": {"clientId": "nwx_ci_x", "scopes": ["fleet:read"]}},
            {"credential": {"clientId": "nwx_ci_x", "scopes": ["fleet:read"]}},
        ),
        (
            "release.published",
            {"release": {"channel": "beta", "version": "2.0"}},
            {"release": {"channel": "beta", "version": "2.0"}},
        ),
        (
            "webhook.suspended",
            {"webhook": {"id": "wh_1", "url": "https://hooks.example.com"}},
            {"webhook": {"id": "wh_1", "url": "https://hooks.example.com"}},
        ),
    ],
)
async def test_an_event_shows_what_it_is_about(
    tenant: Tenant, log: Log, event_type: str, facts: dict[str, Any], shown: dict[str, Any]
) -> None:
    ids = [uuid4(), uuid4()] if event_type.startswith("device.") else [None, None]
    row = (tenant.msp_id, event_type, log.clock.now(), *ids)
    await log.writing.execute(WRITE, *row, json.dumps(facts))
    await log.number()
    (event,) = (await read(tenant, types=event_type))["data"]
    event["data"].pop("device", None)
    assert event["data"] == shown
    assert ("orgId" in event) == event_type.startswith("device.")


async def test_only_what_has_its_place_shows(tenant: Tenant, log: Log) -> None:
    await log.add(tenant, "device.online")
    start = await last_id(tenant)
    await log.write(tenant, "device.offline")
    assert await follow(tenant, start) == []
    await log.number()
    assert [event["type"] for event in await follow(tenant, start)] == ["device.offline"]


async def test_pages_follow_one_another_without_a_gap(tenant: Tenant, log: Log) -> None:
    await log.add(tenant, *["device.online"] * 7)
    whole = await read(tenant, limit=500)
    ids = [event["id"] for event in whole["data"]]
    assert len(ids) >= 7
    assert ids == sorted(ids)
    assert whole["meta"] == {"count": len(ids), "limit": 500, "lastId": ids[-1]}
    assert [event["id"] for event in await follow(tenant, None, limit=3)] == ids
    first = await read(tenant, limit=3)
    assert first["meta"] == {"count": 3, "limit": 3, "lastId": ids[2]}
    assert await read(tenant, after=ids[-1]) == {
        "data": [],
        "meta": {"count": 0, "limit": 100, "lastId": ids[-1]},
    }


async def test_a_place_beyond_the_end_is_the_end(tenant: Tenant, log: Log) -> None:
    await log.add(tenant, "device.online")
    end = await last_id(tenant)
    page = await read(tenant, after="evt_9999999999999999")
    assert page["data"] == []
    assert page["meta"]["lastId"] == end


async def test_a_log_is_filtered_by_every_filter_at_once(tenant: Tenant, log: Log) -> None:
    org_id, other_org, client_id, other_device = (uuid4() for _ in range(4))
    await log.number()
    for about in ((org_id, client_id), (org_id, other_device), (other_org, client_id)):
        ids = dict(zip(("org_id", "client_id"), about, strict=True))
        await log.write(tenant, "device.online", "device.offline", **ids)
    await log.number()

    async def found(**query: Any) -> int:
        pages = await follow(tenant, None, limit=1, types="device.online,device.offline", **query)
        return len(pages)

    org, device = f"org_{org_id}", str(client_id).upper()
    assert await found() == 6
    assert await found(orgId=org) == 4
    assert await found(clientId=device) == 4
    assert await found(orgId=org, clientId=device) == 2
    assert await found(orgId=f"org_{uuid4()}") == 0
    for types in ("device.online", ["device.online", "org.deleted"], "device.online,org.deleted"):
        one = await follow(tenant, None, types=types, orgId=org, clientId=device)
        assert [event["type"] for event in one] == ["device.online"]


async def test_another_msps_log_is_not_there(
    tenant: Tenant, other_tenant: Tenant, log: Log
) -> None:
    org_id, client_id = uuid4(), uuid4()
    await log.add(other_tenant, "device.online", org_id=org_id, client_id=client_id)
    await log.add(tenant, "device.offline")
    assert {event["mspId"] for event in await follow(tenant, None)} == {tenant.msp}
    for foreign in ({"orgId": f"org_{org_id}"}, {"clientId": str(client_id)}):
        assert await follow(tenant, None, **foreign) == []
        assert len(await follow(other_tenant, None, **foreign)) == 1


async def test_a_rare_type_is_found_however_far_apart(
    tenant: Tenant, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_log, "LOOKED_AT", 3)
    await log.add(tenant, "device.deleted", *["device.online"] * 10, "device.deleted")
    end = await last_id(tenant)
    moved = await read(tenant, types="device.deleted", limit=2)
    assert moved["meta"]["count"] == 2
    assert (await read(tenant, types="org.deleted"))["meta"]["lastId"] == end


async def test_who_does_not_find_it_in_time_goes_on_from_there(
    tenant: Tenant, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_log, "LOOKED_AT", 3)
    monkeypatch.setattr(events_log, "_PATIENCE_SECONDS", 0.0)
    await log.add(tenant, *["device.online"] * 10, "device.deleted")
    first = await read(tenant, types="device.deleted")
    assert first["data"] == []
    assert first["meta"]["lastId"] == "evt_0000000000000003"
    assert len(await follow(tenant, None, types="device.deleted")) == 1


async def test_nothing_is_missed_while_writers_commit_in_any_order(
    tenant: Tenant, log: Log, databases: Databases, clock: StoppedClock
) -> None:
    await log.number()
    seen: list[dict[str, Any]] = []
    devices = [uuid4() for _ in range(3)]
    chance = random.Random(1)

    async def write(connection: asyncpg.Connection) -> None:
        for _ in range(8):
            device = chance.choice(devices)
            async with connection.transaction():
                # As the row's lock: one device's events are written in the order of commits.
                await connection.execute("select pg_advisory_xact_lock($1)", device.int % 2**62)
                count = counts[device] = counts[device] + 1
                facts = {**DEVICE, "checkInCount": count, "lastSeen": clock.now().isoformat()}
                data = json.dumps({"device": facts})
                row = (tenant.msp_id, "device.online", clock.now(), uuid4(), device, data)
                await connection.execute(WRITE, *row)
                await asyncio.sleep(chance.random() / 50)

    async def page() -> None:
        after = "evt_0000000000000000"
        while not (written.done() and is_numbered):
            found = await follow(tenant, after, limit=2, types="device.online")
            after = found[-1]["id"] if found else after
            seen.extend(found)
            await asyncio.sleep(0)
        seen.extend(await follow(tenant, after, types="device.online"))

    counts: dict[UUID, int] = defaultdict(int)
    is_numbered = False
    writers = [await asyncpg.connect(databases.require_owner()) for _ in range(4)]
    written = asyncio.gather(*map(write, writers))
    following = asyncio.create_task(page())
    while not written.done():
        await log.number()
        await asyncio.sleep(0.005)
    await log.number()
    is_numbered = True
    await following
    for connection in writers:
        await connection.close()

    ids = [event["id"] for event in seen]
    assert len(set(ids)) == len(ids) == 32
    told: dict[UUID | None, list[int]] = defaultdict(list)
    for event in seen:
        device = event["data"]["device"]
        told[parse_client_id(device["clientId"])].append(device["checkInCount"])
    assert told == {device: list(range(1, count + 1)) for device, count in counts.items()}


def test_every_type_that_is_recorded_has_its_shape() -> None:
    assert set(EventType) - set(MODELS) == {EventType.ALERT_TRIGGERED, EventType.ALERT_RESOLVED}
