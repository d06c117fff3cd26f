"""Webhooks, as integrators make and change them."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.app import READ_CONNECTIONS
from partner_api.config import Databases
from partner_api.events.types import EventType
from partner_api.kernel.timestamps import format_timestamp
from partner_api.surfaces.partner.services import Services
from partner_api.webhooks import service
from partner_api.webhooks.addresses import IPAddress
from partner_api.webhooks.resolution import SharedResolver
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.ids import NOBODYS
from tests.surfaces.partner.hooks import URL, WEBHOOKS, create_webhook, read_webhook

NOT_FOUND = {"error": "Not Found", "message": "Webhook not found"}
INTEREST = "insert into event_interests values (:msp_id, 'webhooks', 'infinity')"
WAITING = "select count(*) from pg_locks where not granted"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


@pytest.fixture
async def standing_webhook(standing: Agent) -> str:
    """The path of a webhook that no test changes."""
    rows = (await standing.tenant.get(WEBHOOKS)).json()["data"]
    webhook = rows[0] if rows else await create_webhook(standing.tenant)
    return f"{WEBHOOKS}/{webhook['id']}"


async def test_a_webhook_is_answered_with_its_secret_once(
    tenant: Tenant, clock: StoppedClock
) -> None:
    org_id = await tenant.create_organization()
    body = {
        "url": URL,
        "events": ["device.offline", "alert.triggered"],
        "description": "Opens tickets",
        "orgId": org_id,
        "enabled": False,
    }
    answer = await tenant.post(WEBHOOKS, json=body)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    data = answer.json()["data"]
    secret, webhook_id = data.pop("secret"), data["id"]
    assert SECRET.fullmatch(secret)
    created = {**body, "id": webhook_id, "createdAt": format_timestamp(clock.now())}
    assert data == created
    one = await tenant.get(f"{WEBHOOKS}/{webhook_id}")
    every = await tenant.get(WEBHOOKS)
    assert one.json() == {"data": created}
    assert every.json() == {"data": [created], "meta": {"total": 1}}
    assert "whsec_" not in one.text + every.text


async def test_what_may_be_left_out_is(tenant: Tenant) -> None:
    data = await create_webhook(tenant)
    assert data.keys() == {"id", "url", "events", "enabled", "createdAt", "secret"}
    assert data["enabled"] is True


async def test_webhooks_are_listed_oldest_first(tenant: Tenant, clock: StoppedClock) -> None:
    ids = []
    for _ in range(3):
        ids.append((await create_webhook(tenant))["id"])
        clock.advance(seconds=1)
    assert [row["id"] for row in (await tenant.get(WEBHOOKS)).json()["data"]] == ids


async def test_a_secret_is_kept_sealed(tenant: Tenant, owner: AsyncEngine) -> None:
    data = await create_webhook(tenant)
    rotated = (await tenant.post(f"{WEBHOOKS}/{data['id']}/rotate-secret")).json()["data"]
    async with owner.connect() as connection:
        row = text("select w::text from webhooks w where webhook_id = :id")
        stored = str(await connection.scalar(row, {"id": data["id"]}))
    assert stored.count("test:") == 2
    for secret in (data["secret"], rotated["secret"]):
        assert secret not in stored
        assert secret.removeprefix("whsec_") not in stored


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://hooks.example.com/", "url must begin with https://"),
        ("HTTP://hooks.example.com/", "url must begin with https://"),
        ("ftp://hooks.example.com/", "url must be an address such as"),
        ("hooks.example.com", "url must be an address such as"),
        ("", "url must be an address such as"),
        ("https://", "url must be an address such as"),
        ("https://hooks.example.com/ x", "url must be an address such as"),
        ("https://hooks.example.com\\@127.0.0.1/", "url may have no user name or password"),
        ("https://me:secret@hooks.example.com/", "url may have no user name or password"),
        ("https://hooks.example.com@127.0.0.1/", "url may have no user name or password"),
        ("https://hooks.example.com/#top", "url may have no fragment"),
        ("https://hooks.example.com:8443/", "url may name another port only"),
        ("https://hooks.example.com:22/", "url may name another port only"),
        ("https://hooks.example.com:65536/", "url must be an address such as"),
        ("https://127.0.0.1/", "url must lead to a public address"),
        ("https://localhost/", "url must lead to a public address"),
        ("https://10.1.2.3/", "url must lead to a public address"),
        ("https://192.168.0.1/", "url must lead to a public address"),
        ("https://169.254.169.254/latest/meta-data/", "url must lead to a public address"),
        ("https://0.0.0.0/", "url must lead to a public address"),
        ("https://[::1]/", "url must lead to a public address"),
        ("https://[::ffff:127.0.0.1]/", "url must lead to a public address"),
        ("https://[fd00::1]/", "url must lead to a public address"),
        ("https://127.1/", "url must spell an IPv4 address as four decimal numbers"),
        ("https://0x7f000001/", "url must spell an IPv4 address as four decimal numbers"),
        ("https://2130706433/", "url must spell an IPv4 address as four decimal numbers"),
        ("https://0177.0.0.1/", "url must spell an IPv4 address as four decimal numbers"),
        ("https://\uff11\uff12\uff17.0.0.1/", "url must lead to a public address"),
        ("https://-.example.com/", "url has a host that is no host name"),
        ("https://hooks.example.com/" + "x" * 2048, "url may have 2048 characters"),
    ],
)
async def test_an_address_that_may_not_be_is_refused(
    standing_webhook: str, standing: Agent, url: str, message: str
) -> None:
    tenant = standing.tenant
    before = (await tenant.get(WEBHOOKS)).json()
    for answer in (
        await tenant.post(WEBHOOKS, json={"url": url, "events": ["device.online"]}),
        await tenant.patch(standing_webhook, json={"url": url}),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"] == "Bad Request"
        assert answer.json()["message"].startswith(message)
    assert (await tenant.get(WEBHOOKS)).json() == before


async def test_an_address_is_kept_in_one_spelling(tenant: Tenant) -> None:
    data = await create_webhook(tenant, url="HTTPS://Hooks.Example.com:443?Key=A%2fb")
    assert data["url"] == "https://hooks.example.com/?Key=A%2fb"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"events": []}, "events"),
        ({"events": None}, "events"),
        ({"events": "device.online"}, "events"),
        ({"events": ["device.sold"]}, "events.0"),
        ({"events": ["webhook.test"]}, "events.0"),
        ({"events": ["device.online", "device.online"]}, "events"),
        ({"url": None}, "url"),
        ({"url": 7}, "url"),
        ({"description": "x" * 201}, "description"),
        ({"description": "a\x00b"}, "description"),
        ({"orgId": "org_1"}, "orgId"),
        ({"enabled": None}, "enabled"),
        ({"enabled": "true"}, "enabled"),
    ],
)
async def test_a_wrong_field_is_refused_by_its_name(
    standing_webhook: str, standing: Agent, change: dict[str, Any], name: str
) -> None:
    tenant = standing.tenant
    before = (await tenant.get(WEBHOOKS)).json()
    body = {"url": URL, "events": ["device.online"], **change}
    for answer in (
        await tenant.post(WEBHOOKS, json=body),
        await tenant.patch(standing_webhook, json=change),
    ):
        assert answer.status_code == 400, answer.text
        assert re.match(rf"{name}\b", answer.json()["message"])
    assert (await tenant.get(WEBHOOKS)).json() == before


@pytest.mark.parametrize("missing", ["url", "events"])
async def test_a_webhook_needs_an_address_and_events(standing: Agent, missing: str) -> None:
    body = {"url": URL, "events": ["device.online"]}
    del body[missing]
    answer = await standing.tenant.post(WEBHOOKS, json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, f"{missing} is required")


async def test_every_type_of_event_can_be_asked_for(tenant: Tenant) -> None:
    data = await create_webhook(tenant, events=list(EventType))
    assert data["events"] == list(EventType)


async def test_an_organization_must_be_ones_own(tenant: Tenant, other_tenant: Tenant) -> None:
    foreign = (await other_tenant.get("/v1/organizations")).json()["data"][0]["orgId"]
    path = f"{WEBHOOKS}/{(await create_webhook(tenant))['id']}"
    for org_id in (foreign, f"org_{uuid4()}"):
        body = {"url": URL, "events": ["device.online"], "orgId": org_id}
        for answer in (
            await tenant.post(WEBHOOKS, json=body),
            await tenant.patch(path, json={"orgId": org_id, "description": "x"}),
        ):
            assert answer.status_code == 404
            assert answer.json()["message"] == "Organization not found"
    (row,) = (await tenant.get(WEBHOOKS)).json()["data"]
    assert not {"orgId", "description"} & row.keys()


async def test_a_change_leaves_what_it_does_not_name(tenant: Tenant) -> None:
    org_id = await tenant.create_organization()
    data = await create_webhook(tenant, description="A", orgId=org_id)
    del data["secret"]
    path = f"{WEBHOOKS}/{data['id']}"
    for change in (
        {},
        {"url": "https://other.example.com/x"},
        {"events": ["org.created", "device.moved"]},
        {"enabled": False},
        {"enabled": True, "description": "B"},
    ):
        answer = await tenant.patch(path, json=change)
        data |= change
        assert (answer.status_code, answer.json()) == (200, {"data": data})
    del data["description"], data["orgId"]
    cleared = await tenant.patch(path, json={"description": None, "orgId": None})
    assert cleared.json() == {"data": data}
    assert await read_webhook(tenant, data["id"]) == data


async def test_a_deleted_webhook_is_gone(tenant: Tenant) -> None:
    path = f"{WEBHOOKS}/{(await create_webhook(tenant))['id']}"
    answer = await tenant.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for gone in (await tenant.get(path), await tenant.delete(path)):
        assert (gone.status_code, gone.json()) == (404, NOT_FOUND)
    assert (await tenant.get(WEBHOOKS)).json() == {"data": [], "meta": {"total": 0}}


@pytest.mark.parametrize("text", ["x", "%00", "é", NOBODYS.upper(), f"org_{NOBODYS}"])
async def test_a_malformed_id_was_never_found(standing: Agent, text: str) -> None:
    tenant, path = standing.tenant, f"{WEBHOOKS}/{text}"
    once_more = "deliveries/dlv_0000000000000001/redeliver"
    answers = [
        await tenant.get(path),
        await tenant.get(f"{path}/deliveries"),
        await tenant.patch(path, json={}),
        await tenant.delete(path),
        *[
            await tenant.post(f"{path}/{action}")
            for action in ("rotate-secret", "test", "resume", once_more)
        ],
        await tenant.post(f"{path}/replay", json={"from": "2026-02-24T00:00:00Z"}),
    ]
    assert [answer.json() for answer in answers] == [NOT_FOUND] * len(answers)


async def test_an_msp_has_only_so_many(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.MOST_WEBHOOKS == 100
    monkeypatch.setattr(service, "MOST_WEBHOOKS", 2)
    ids = [(await create_webhook(tenant))["id"] for _ in range(2)]
    body = {"url": URL, "events": ["device.online"]}
    refused = await tenant.post(WEBHOOKS, json=body)
    message = "You have 2 webhooks already; delete one of them first"
    assert (refused.status_code, refused.json()["message"]) == (409, message)
    assert {row["id"] for row in (await tenant.get(WEBHOOKS)).json()["data"]} == set(ids)
    await tenant.delete(f"{WEBHOOKS}/{ids[0]}")
    assert (await tenant.post(WEBHOOKS, json=body)).status_code == 201


async def test_two_that_come_at_once_are_not_one_too_many(
    tenant: Tenant, owner: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_WEBHOOKS", 1)
    body = {"url": URL, "events": ["device.checkin"]}
    async with owner.connect() as connection, owner.connect() as watching:
        # Whoever adds one gets no further than this.
        await connection.execute(text(INTEREST), {"msp_id": tenant.msp_id})
        both = [asyncio.create_task(tenant.post(WEBHOOKS, json=body)) for _ in range(2)]
        async with asyncio.timeout(10):
            while await watching.scalar(text(WAITING)) != 2:
                await watching.execute(text("select pg_sleep(0.01)"))
    assert sorted([(await each).status_code for each in both]) == [201, 409]


# Secrets that are replaced.


async def test_a_rotated_secret_is_shown_once_and_the_old_one_overlaps(
    tenant: Tenant, clock: StoppedClock
) -> None:
    data = await create_webhook(tenant)
    path = f"{WEBHOOKS}/{data['id']}"
    for body, overlap in ((None, 86400), ({}, 86400), ({"overlapSeconds": 604800}, 604800)):
        answer = await tenant.post(f"{path}/rotate-secret", json=body)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        rotated = answer.json()["data"]
        assert SECRET.fullmatch(rotated["secret"])
        assert rotated["secret"] != data["secret"]
        until = format_timestamp(clock.now() + timedelta(seconds=overlap))
        assert rotated["secretOverlapsUntil"] == until
        assert (await read_webhook(tenant, data["id"]))["secretOverlapsUntil"] == until
        data = rotated
    clock.advance(seconds=604800)
    assert "secretOverlapsUntil" not in (await _fresh(tenant, data["id"]))


async def test_without_an_overlap_the_old_secret_ends_at_once(tenant: Tenant) -> None:
    webhook_id = (await create_webhook(tenant))["id"]
    path = f"{WEBHOOKS}/{webhook_id}/rotate-secret"
    await tenant.post(path)
    rotated = (await tenant.post(path, json={"overlapSeconds": 0})).json()["data"]
    assert "secretOverlapsUntil" not in rotated
    assert "secretOverlapsUntil" not in await read_webhook(tenant, webhook_id)


@pytest.mark.parametrize("overlap", [-1, 604801, 1.5, "60", True, None])
async def test_an_overlap_is_a_number_of_seconds_up_to_a_week(
    standing_webhook: str, standing: Agent, overlap: object
) -> None:
    path = f"{standing_webhook}/rotate-secret"
    answer = await standing.tenant.post(path, json={"overlapSeconds": overlap})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("overlapSeconds")


# Name servers that take their time.


async def test_slow_name_servers_delay_nobody_else(
    tenant: Tenant, other_tenant: Tenant, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answering = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_host: str) -> list[IPAddress]:
        asked.release()
        await answering.wait()
        return []

    monkeypatch.setattr(services.webhook_registration, "_resolver", SharedResolver(slow))

    def create(owner: Tenant, number: int) -> asyncio.Task[httpx.Response]:
        body = {"url": f"https://hooks{number}.example.com", "events": ["device.online"]}
        return asyncio.create_task(owner.post(WEBHOOKS, json=body))

    waiting = [create(tenant, number) for number in range(READ_CONNECTIONS + 4)]
    for _ in range(READ_CONNECTIONS):
        await asked.acquire()
    assert services.gate._free == READ_CONNECTIONS
    waiting.append(create(other_tenant, 0))
    await asked.acquire()
    answering.set()
    assert {(await task).status_code for task in waiting} == {201}


# Check-ins, recorded while a webhook hears of them.


async def test_check_ins_are_recorded_while_an_enabled_webhook_hears_of_them(
    tenant: Tenant, databases: Databases
) -> None:
    connection = await asyncpg.connect(databases.require_owner())

    async def is_interested() -> bool:
        found = await connection.fetch(
            "select until from event_interests where msp_id = $1 and source = 'webhooks'",
            tenant.msp_id,
        )
        return bool(found)

    other = {"events": ["device.online"]}
    data = await create_webhook(tenant, **other)
    path = f"{WEBHOOKS}/{data['id']}"
    assert not await is_interested()
    for change, expected in (
        ({"events": ["device.checkin"]}, True),
        ({"enabled": False}, False),
        ({"enabled": True}, True),
        (other, False),
        ({"events": ["device.checkin"]}, True),
    ):
        await tenant.patch(path, json=change)
        assert await is_interested() == expected
    await tenant.delete(path)
    assert not await is_interested()
    await create_webhook(tenant, events=["device.checkin"])
    assert await is_interested()
    await connection.close()


async def _fresh(tenant: Tenant, webhook_id: str) -> dict[str, Any]:
    """The webhook, with a token of this later hour."""
    tenant.token = (await tenant.request_token()).json()["access_token"]
    return await read_webhook(tenant, webhook_id)
