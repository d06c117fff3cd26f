"""Check-ins that an integrator passes on."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.app import create_app, open_services
from partner_api.config import Databases, Settings
from partner_api.kernel.errors import Unavailable
from partner_api.kernel.ids import parse_org_id
from partner_api.kernel.timestamps import format_timestamp
from partner_api.surfaces.partner.services import Services
from tests.clock import StoppedClock
from tests.conftest import RING
from tests.factories.tenants import FACTS, Agent, Tenant


async def relay(tenant: Tenant, *items: Any) -> dict[str, Any]:
    answer = await tenant.post("/v1/check-ins", json={"checkIns": list(items)})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def new_device(org_id: str, **facts: Any) -> dict[str, Any]:
    return {**FACTS, "clientId": str(uuid4()).upper(), "orgId": org_id, **facts}


async def test_a_known_device_is_written_like_by_its_own_agent(agent: Agent) -> None:
    result = await relay(agent.tenant, {"clientId": agent.client_id, "sequence": 7})
    assert result == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert (await agent.check_in(sequence=7))["duplicates"] == 1
    assert (await agent.read())["checkInCount"] == 1


async def streaming(org_id: str, tenant: Tenant, count: int) -> list[dict[str, Any]]:
    """Items of devices that checked in once, for their everyday check-ins."""
    devices = [new_device(org_id, sequence=0) for _ in range(count)]
    assert (await relay(tenant, *devices))["accepted"] == count
    for device in devices:
        del device["sequence"]
    return devices


async def counts(tenant: Tenant, org_id: str) -> dict[str, int]:
    listed = (await tenant.get(f"/v1/devices?orgId={org_id}&limit=1000")).json()["data"]
    return {device["clientId"]: device["checkInCount"] for device in listed}


async def test_everyday_items_take_one_statement_for_500_devices_in_their_order(
    tenant: Tenant, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = await streaming(await tenant.create_organization(), tenant, 501)
    written = list[list[UUID]]()
    for name in ("fetch", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, noting_devices(name, written))
    clock.advance(seconds=60)
    assert (await relay(tenant, *devices[:500]))["accepted"] == 500
    clock.advance(seconds=60)
    assert (await relay(tenant, *devices))["accepted"] == 501
    assert sorted(map(len, written)) == [1, 500, 500]
    for client_ids in written:
        # Whoever writes the same devices locks them in the same order.
        assert client_ids == sorted(client_ids)


async def test_relayed_check_ins_are_counted(tenant: Tenant, clock: StoppedClock) -> None:
    devices = await streaming(await tenant.create_organization(), tenant, 3)
    clock.advance(seconds=60)
    before = counted("check_ins_total", outcome="accepted"), counted("group_items_sum")
    await relay(tenant, *devices, devices[0])
    # The device that is named twice is not in the group.
    after = counted("check_ins_total", outcome="accepted"), counted("group_items_sum")
    assert (after[0] - before[0], after[1] - before[1]) == (3, 2)


def counted(name: str, **labels: str) -> float:
    labels = labels or {"writer": "relayed"}
    return REGISTRY.get_sample_value(f"partner_api_{name}", labels) or 0.0


def noting_devices(name: str, seen: list[list[UUID]]) -> Any:
    """A method of connections that also notes the devices its statement is given."""
    original = getattr(asyncpg.Connection, name)

    async def noting(connection: asyncpg.Connection, query: str, *values: Any, **named: Any) -> Any:
        if "check_in_" in query or "relay_" in query:
            seen.append(values[1])
        return await original(connection, query, *values, **named)

    return noting


async def test_of_two_msps_devices_with_one_id_each_has_its_own_check_ins(
    tenant: Tenant, other_tenant: Tenant, clock: StoppedClock
) -> None:
    ours = await tenant.create_organization()
    theirs = await other_tenant.create_organization()
    devices = await streaming(ours, tenant, 3)
    await relay(other_tenant, *(device | {"orgId": theirs} for device in devices))
    clock.advance(seconds=60)
    names = [{"clientId": device["clientId"], **FACTS} for device in devices]
    assert (await relay(tenant, *names))["accepted"] == 3
    assert set((await counts(tenant, ours)).values()) == {2}
    assert set((await counts(other_tenant, theirs)).values()) == {1}


async def test_an_unknown_device_is_registered_when_the_item_says_enough(tenant: Tenant) -> None:
    org_id = await tenant.create_organization()
    item = new_device(org_id, assetId="RELAYED")
    assert (await relay(tenant, item, {"clientId": item["clientId"], "sequence": 1}))[
        "accepted"
    ] == 2
    device = (await tenant.get(f"/v1/devices/{item['clientId']}")).json()["data"]
    assert (device["assetId"], device["channel"], device["checkInCount"]) == (
        "RELAYED",
        "stable",
        2,
    )


async def test_an_org_id_moves_no_known_device(agent: Agent) -> None:
    other = await agent.tenant.create_organization("Other")
    await relay(agent.tenant, {"clientId": agent.client_id, "orgId": other})
    assert (await agent.read())["orgId"] == agent.org_id


async def test_one_bad_item_spoils_no_other_and_each_says_why(
    agent: Agent, other_tenant: Tenant
) -> None:
    foreign = new_device(await other_tenant.create_organization("Foreign"))
    unknown = {"clientId": str(uuid4()).upper()}
    result = await relay(
        agent.tenant,
        {"clientId": "nonsense"},
        {"clientId": agent.client_id, "os": 5},
        unknown,
        foreign,
        "not an object",
        {"clientId": agent.client_id, "observedAt": "2020-01-01T00:00:00Z"},
        {"clientId": agent.client_id},
    )
    assert result["accepted"] == 1
    assert [(row["index"], row.get("clientId")) for row in result["rejected"]] == [
        (0, "nonsense"),
        (1, agent.client_id),
        (2, unknown["clientId"]),
        (3, foreign["clientId"]),
        (4, None),
        (5, agent.client_id),
    ]
    assert "orgId" in result["rejected"][2]["message"]
    assert result["rejected"][3]["message"] == "Organization not found"


async def test_the_same_client_id_under_another_msp_is_another_device(
    agent: Agent, other_tenant: Tenant
) -> None:
    result = await relay(other_tenant, {"clientId": agent.client_id})
    assert (result["accepted"], len(result["rejected"])) == (0, 1)
    assert "checkInCount" not in await agent.read()


async def test_a_registered_device_can_enroll_and_then_has_its_own_token(
    tenant: Tenant, clock: StoppedClock
) -> None:
    org_id = await tenant.create_organization()
    item = new_device(org_id)
    await relay(tenant, item)
    token = await tenant.create_enrollment_token(org_id)
    answer = await tenant.http.post(
        "/v1/agent/enroll",
        json={**FACTS, "clientId": item["clientId"]},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200
    enrolled = Agent(tenant, item["clientId"], org_id, answer.json()["data"]["deviceToken"])
    clock.advance(seconds=1)
    assert (await enrolled.check_in())["accepted"] == 1


async def test_a_thousand_items_are_taken_and_one_more_is_not(tenant: Tenant) -> None:
    org_id = await tenant.create_organization()
    items = [new_device(org_id) for _ in range(1000)]
    assert (await relay(tenant, *items))["accepted"] == 1000
    assert (await tenant.get("/v1/devices?limit=1")).json()["meta"]["total"] == 1000
    too_many = await tenant.post("/v1/check-ins", json={"checkIns": [*items, items[0]]})
    assert too_many.status_code == 400


async def test_a_token_that_may_only_read_relays_nothing(agent: Agent) -> None:
    agent.tenant.token = (await agent.tenant.request_token(scope="fleet:read")).json()[
        "access_token"
    ]
    answer = await agent.tenant.post(
        "/v1/check-ins", json={"checkIns": [{"clientId": agent.client_id}]}
    )
    assert answer.status_code == 403


# What goes wrong for a part.


async def test_items_are_written_beside_one_the_database_refuses(
    tenant: Tenant, owner: AsyncEngine, clock: StoppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = [await tenant.create_organization(name) for name in ("Broken", "Sound")]
    devices = [*await streaming(broken, tenant, 1), *await streaming(sound, tenant, 9)]
    refuse = f"""
        alter table devices add constraint refused
        check (org_id <> '{parse_org_id(broken)}' or check_in_count < 2) not valid"""
    async with owner.begin() as connection:
        await connection.execute(text(refuse))
    clock.advance(seconds=60)
    with caplog.at_level(logging.WARNING, "partner_api.ingest.relayed"):
        answer = await tenant.post("/v1/check-ins", json={"checkIns": devices})
    async with owner.begin() as connection:
        await connection.execute(text("alter table devices drop constraint refused"))
    assert answer.status_code == 500
    assert "10 relayed check-ins go the longer way" in caplog.text
    assert set((await counts(tenant, sound)).values()) == {2}
    assert set((await counts(tenant, broken)).values()) == {1}


@contextmanager
def without_database(
    services: Services, monkeypatch: pytest.MonkeyPatch, smallest: int
) -> Iterator[None]:
    """Groups of at least so many relayed items find no database."""
    writer = services.check_ins._relayed._writer
    write = writer._write

    async def away(connection: Any, groups: Sequence[Any]) -> Any:
        if len(groups[0].items) >= smallest:
            raise Unavailable("The database went away; try again shortly")
        return await write(connection, groups)

    with monkeypatch.context() as patched:
        patched.setattr(writer, "_write", away)
        yield


async def test_an_outage_in_the_middle_names_what_is_to_be_sent_again(
    tenant: Tenant, services: Services, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    org_id = await tenant.create_organization()
    devices = await streaming(org_id, tenant, 503)
    clock.advance(seconds=60)
    with without_database(services, monkeypatch, 500):
        answer = await relay(tenant, *devices)
    assert (answer["accepted"], answer["duplicates"]) == (3, 0)
    assert {row["message"] for row in answer["rejected"]} == {"Not written; send it again"}
    assert len(answer["rejected"]) == 500
    again = [devices[row["index"]] for row in answer["rejected"]]
    assert (await relay(tenant, *again))["accepted"] == 500
    assert set((await counts(tenant, org_id)).values()) == {2}


async def test_an_outage_before_anything_is_written_is_said_of_the_whole_request(
    tenant: Tenant, services: Services, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    org_id = await tenant.create_organization()
    devices = await streaming(org_id, tenant, 3)
    clock.advance(seconds=60)
    with without_database(services, monkeypatch, 1):
        answer = await tenant.post("/v1/check-ins", json={"checkIns": [*devices, devices[0]]})
    assert answer.status_code == 503
    assert set((await counts(tenant, org_id)).values()) == {1}


async def test_an_outage_after_the_everyday_items_names_the_others(
    tenant: Tenant, services: Services, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    org_id = await tenant.create_organization()
    devices = await streaming(org_id, tenant, 2)
    news = devices[1] | {"osVersion": "16"}
    clock.advance(seconds=60)

    async def away(*_: Any) -> Any:
        raise Unavailable("The database went away; try again shortly")

    with monkeypatch.context() as patched:
        patched.setattr(services.relay, "_devices", away)
        answer = await relay(tenant, devices[0], news)
        assert (await tenant.post("/v1/check-ins", json={"checkIns": [news]})).status_code == 503
    assert answer["accepted"] == 1
    assert [(row["index"], row["message"]) for row in answer["rejected"]] == [
        (1, "Not written; send it again")
    ]
    assert (await relay(tenant, news))["accepted"] == 1


async def test_who_relays_too_much_at_once_is_sent_away_and_devices_are_not(
    agent: Agent, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, go = services.check_ins._relayed._writer, asyncio.Event()
    write = writer._write

    async def slow(connection: Any, groups: Sequence[Any]) -> Any:
        await go.wait()
        return await write(connection, groups)

    flood = {"checkIns": [{"clientId": str(uuid4())} for _ in range(1000)]}
    with monkeypatch.context() as patched:
        patched.setattr(writer, "_write", slow)
        sent = [
            asyncio.create_task(agent.tenant.post("/v1/check-ins", json=flood)) for _ in range(8)
        ]
        first, _ = await asyncio.wait(sent, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        meanwhile = await agent.check_in()
        go.set()
        answers = await asyncio.gather(*sent)
    assert meanwhile["accepted"] == 1
    assert first
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {task.result() for task in first} <= set(refused)
    assert all(int(answer.headers["retry-after"]) >= 2 for answer in refused)
    assert len(answers) - len(refused) >= 5


async def test_two_servers_relay_the_same_devices_and_neither_waits_for_the_other(
    tenant: Tenant, databases: Databases, clock: StoppedClock
) -> None:
    org_id = await tenant.create_organization()
    devices = await streaming(org_id, tenant, 500)
    rounds = 3
    async with open_services(Settings(), databases, RING, clock) as second:
        transport = httpx.ASGITransport(app=create_app(second))
        async with httpx.AsyncClient(transport=transport, base_url="http://partner.test") as http:
            twin = replace(tenant, http=http)
            numbered = [
                [
                    {
                        **device,
                        "sequence": n,
                        "observedAt": format_timestamp(clock.advance(seconds=0.01)),
                    }
                    for device in devices
                ]
                for n in range(1, rounds + 1)
            ]
            answers = await asyncio.gather(
                *(
                    relay(server, *items[::step])
                    for items in numbered
                    for server, step in ((tenant, 1), (twin, -1))
                )
            )
    assert [row for answer in answers for row in answer["rejected"]] == []
    taken = [answer["accepted"] + answer["duplicates"] for answer in answers]
    assert taken == [len(devices)] * 2 * rounds
    assert sum(answer["accepted"] for answer in answers) == rounds * len(devices)
    assert set((await counts(tenant, org_id)).values()) == {1 + rounds}
