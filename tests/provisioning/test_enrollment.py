"""Enrolling, and what an enrollment token permits."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clock import StoppedClock
from tests.factories.tenants import FACTS, Agent, Tenant, post_enrollment
from tests.ids import NOBODYS

GONE = {
    "error": "Unauthorized",
    "message": "Invalid, expired or used up enrollment token",
}


@pytest.fixture
async def org_id(tenant: Tenant) -> str:
    return await tenant.create_organization()


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 401, answer.text
    assert answer.json() == GONE
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def device_count(tenant: Tenant) -> int:
    total: int = (await tenant.get("/v1/devices")).json()["meta"]["total"]
    return total


async def uses(tenant: Tenant, org_id: str) -> list[int]:
    listed = (await tenant.get(f"/v1/organizations/{org_id}/enrollment-tokens")).json()["data"]
    return [row["uses"] for row in listed]


def agent_of(tenant: Tenant, answer: httpx.Response) -> Agent:
    data = answer.json()["data"]
    return Agent(tenant, data["clientId"], data["orgId"], data["deviceToken"])


async def test_a_client_id_is_made_up_when_absent(tenant: Tenant, org_id: str) -> None:
    token = await tenant.create_enrollment_token(org_id)
    first, second = [await post_enrollment(tenant.http, token) for _ in range(2)]
    third = await post_enrollment(tenant.http, token, clientId=None)
    ids = {answer.json()["data"]["clientId"] for answer in (first, second, third)}
    assert len(ids) == 3
    assert all(client_id == client_id.upper() for client_id in ids)
    assert await device_count(tenant) == 3


async def test_a_client_id_is_taken_in_any_case(tenant: Tenant, org_id: str) -> None:
    token = await tenant.create_enrollment_token(org_id)
    client_id = str(uuid4())
    mixed = client_id[:18].upper() + client_id[18:]
    statuses = []
    for spelled in (client_id, client_id.upper(), mixed):
        answer = await post_enrollment(tenant.http, token, clientId=spelled)
        assert answer.json()["data"]["clientId"] == client_id.upper()
        statuses.append(answer.status_code)
    assert statuses == [201, 200, 200]
    for spelled in (client_id, client_id.upper(), mixed):
        assert (await tenant.get(f"/v1/devices/{spelled}")).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clientId", "x"),
        ("clientId", ""),
        ("clientId", 7),
        ("clientId", NOBODYS.replace("-", "")),
        ("clientId", f"{{{NOBODYS}}}"),
        ("os", None),
        ("os", ""),
        ("os", 7),
        ("os", "x" * 101),
        ("os", "a\x00b"),
        ("arch", None),
        ("currentVersion", None),
        ("currentVersion", ["1.0"]),
        ("channel", ""),
        ("osVersion", 15.3),
        ("serialNumber", "a\nb"),
        ("assetId", "x" * 101),
        ("userName", "x" * 201),
        ("userEmail", "x" * 321),
        ("referrer", "x" * 501),
    ],
)
async def test_a_wrong_fact_is_refused_by_its_name(
    tenant: Tenant, org_id: str, field: str, value: object
) -> None:
    token = await tenant.create_enrollment_token(org_id)
    answer = await post_enrollment(tenant.http, token, **{field: value})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(field)
    assert await uses(tenant, org_id) == [0]
    assert await device_count(tenant) == 0


@pytest.mark.parametrize("missing", ["os", "arch", "currentVersion"])
async def test_a_missing_fact_is_refused_by_its_name(
    tenant: Tenant, org_id: str, missing: str
) -> None:
    token = await tenant.create_enrollment_token(org_id)
    facts = {name: value for name, value in FACTS.items() if name != missing}
    headers = {"Authorization": f"Bearer {token}"}
    answer = await tenant.http.post("/v1/agent/enroll", json=facts, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(missing)


async def test_the_channel_is_stable_unless_stated(tenant: Tenant, org_id: str) -> None:
    assert (await (await tenant.enroll(org_id)).read())["channel"] == "stable"
    assert (await (await tenant.enroll(org_id, channel="beta")).read())["channel"] == "beta"


async def test_a_token_expires_after_seven_days(
    tenant: Tenant, org_id: str, clock: StoppedClock
) -> None:
    token = await tenant.create_enrollment_token(org_id)
    clock.advance(days=7, microseconds=-1)
    assert (await post_enrollment(tenant.http, token)).status_code == 201
    clock.advance(microseconds=1)
    assert_refused(await post_enrollment(tenant.http, token))


async def test_a_token_expires_when_it_was_told_to(
    tenant: Tenant, org_id: str, clock: StoppedClock
) -> None:
    token = await tenant.create_enrollment_token(org_id, expiresInSeconds=600)
    clock.advance(seconds=599)
    agent = agent_of(tenant, await post_enrollment(tenant.http, token))
    clock.advance(seconds=1)
    assert_refused(await post_enrollment(tenant.http, token))
    assert_refused(await post_enrollment(tenant.http, token, clientId=agent.client_id))
    await agent.check_in()


async def test_a_token_is_used_as_often_as_it_was_told(tenant: Tenant, org_id: str) -> None:
    token = await tenant.create_enrollment_token(org_id, maxUses=2)
    for expected in (1, 2):
        assert (await post_enrollment(tenant.http, token)).status_code == 201
        assert await uses(tenant, org_id) == [expected]
    assert_refused(await post_enrollment(tenant.http, token))
    assert await uses(tenant, org_id) == [2]
    assert await device_count(tenant) == 2


async def test_a_token_for_one_device_admits_one_of_many_at_once(
    tenant: Tenant, org_id: str
) -> None:
    token = await tenant.create_enrollment_token(org_id, maxUses=1)
    answers = await asyncio.gather(*(post_enrollment(tenant.http, token) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [401] * 7
    assert await device_count(tenant) == 1
    assert await uses(tenant, org_id) == [1]


async def test_a_revoked_token_enrolls_nobody_and_its_devices_stay(
    tenant: Tenant, org_id: str
) -> None:
    path = f"/v1/organizations/{org_id}/enrollment-tokens"
    made = (await tenant.post(path, json={})).json()["data"]
    agent = agent_of(tenant, await post_enrollment(tenant.http, made["token"]))
    assert (await tenant.delete(f"{path}/{made['id']}")).status_code == 204
    assert (await tenant.get(path)).json() == {"data": [], "meta": {"total": 0}}
    assert_refused(await post_enrollment(tenant.http, made["token"]))
    await agent.check_in()


async def test_tokens_are_listed_newest_first(
    tenant: Tenant, org_id: str, clock: StoppedClock
) -> None:
    path = f"/v1/organizations/{org_id}/enrollment-tokens"
    elsewhere = await tenant.create_organization()
    await tenant.create_enrollment_token(elsewhere)
    made = []
    for _ in range(3):
        made.append((await tenant.post(path, json={})).json()["data"]["id"])
        clock.advance(seconds=1)
    assert [row["id"] for row in (await tenant.get(path)).json()["data"]] == made[::-1]


async def test_a_forged_token_enrolls_nobody(tenant: Tenant, agent: Agent) -> None:
    token = await tenant.create_enrollment_token(agent.org_id)
    changed = token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")
    for forged in (changed, token[:-1], f"{token}A", "nwx_et_", agent.token, tenant.token):
        assert_refused(await post_enrollment(tenant.http, forged))


async def test_enrolling_again_answers_200_with_a_new_token(agent: Agent) -> None:
    tenant = agent.tenant
    await agent.check_in(sequence=9)
    token = await tenant.create_enrollment_token(agent.org_id)
    answer = await post_enrollment(
        tenant.http, token, clientId=agent.client_id, assetId="A-2", currentVersion="2.0"
    )
    assert answer.status_code == 200
    renewed = agent_of(tenant, answer)
    assert (renewed.client_id, renewed.org_id) == (agent.client_id, agent.org_id)
    assert renewed.token != agent.token
    for dead in (await agent.post_check_in(), await agent.post_logs([])):
        assert dead.status_code == 401
        assert dead.json() == {"error": "Unauthorized", "message": "Invalid or expired token"}
    device = await agent.read()
    assert (device["checkInCount"], device["assetId"]) == (1, "A-2")
    assert device["currentVersion"] == "2.0"
    assert await device_count(tenant) == 1


async def test_sequence_numbers_begin_anew_with_an_enrollment(
    agent: Agent, clock: StoppedClock
) -> None:
    await agent.check_in(sequence=500)
    token = await agent.tenant.create_enrollment_token(agent.org_id)
    again = await post_enrollment(agent.tenant.http, token, clientId=agent.client_id)
    renewed = agent_of(agent.tenant, again)
    clock.advance(minutes=1)
    assert (await renewed.check_in(sequence=0))["accepted"] == 1
    assert (await renewed.read())["checkInCount"] == 2


async def test_enrolling_does_not_count_as_being_seen(agent: Agent, clock: StoppedClock) -> None:
    first = await agent.check_in()
    token = await agent.tenant.create_enrollment_token(agent.org_id)
    clock.advance(hours=2)
    await post_enrollment(agent.tenant.http, token, clientId=agent.client_id)
    agent.tenant.token = (await agent.tenant.request_token()).json()["access_token"]
    device = await agent.read()
    assert device["lastSeen"] == first["lastSeen"]
    assert device["connectionState"] == "offline"


async def test_another_organizations_token_takes_over_no_device(agent: Agent) -> None:
    tenant = agent.tenant
    elsewhere = await tenant.create_organization("Elsewhere")
    token = await tenant.create_enrollment_token(elsewhere)
    before = await agent.read()
    answer = await post_enrollment(tenant.http, token, clientId=agent.client_id, assetId="stolen")
    assert answer.status_code == 409
    assert answer.json()["error"] == "Conflict"
    assert agent.org_id not in answer.text
    assert await agent.read() == before
    assert await uses(tenant, elsewhere) == [0]
    await agent.check_in()


async def test_the_same_client_id_under_another_msp_is_another_device(
    agent: Agent, other_tenant: Tenant
) -> None:
    org_id = await other_tenant.create_organization()
    twin = await other_tenant.enroll(org_id, clientId=agent.client_id, assetId="twin")
    assert twin.client_id == agent.client_id
    await twin.check_in()
    await twin.post_logs([{"severity": "INFO", "payload": {"mine": True}}])
    mine = await agent.read()
    assert mine["mspId"] == agent.tenant.msp
    assert mine["status"] == "critical"
    assert "assetId" not in mine
    logs = await agent.tenant.get(f"/v1/devices/{agent.client_id}/logs")
    assert logs.json()["data"] == []
    assert (await agent.tenant.delete(f"/v1/devices/{agent.client_id}")).status_code == 204
    assert (await twin.read())["assetId"] == "twin"
    await twin.check_in()


async def test_a_deleted_devices_token_is_dead(agent: Agent) -> None:
    await agent.check_in()
    await agent.tenant.delete(f"/v1/devices/{agent.client_id}")
    line = {"severity": "INFO", "payload": {}}
    dead = [
        await agent.post_check_in(),
        await agent.post_check_in(checkIns=[{}]),
        await agent.post_logs([line]),
    ]
    for answer in dead:
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert await device_count(agent.tenant) == 0


async def test_a_device_enrolled_after_its_deletion_shows_nothing_of_the_earlier_one(
    agent: Agent, clock: StoppedClock
) -> None:
    tenant = agent.tenant
    await agent.check_in(sequence=5, assetId="earlier", userName="Earlier")
    await agent.post_logs([{"severity": "ERROR", "payload": {"of": "the earlier one"}}])
    logs = f"/v1/devices/{agent.client_id}/logs"
    assert (await tenant.get(logs)).json()["meta"]["count"] == 1
    await tenant.delete(f"/v1/devices/{agent.client_id}")
    assert (await tenant.get(logs)).status_code == 404
    clock.advance(seconds=1)
    token = await tenant.create_enrollment_token(agent.org_id)
    answer = await post_enrollment(tenant.http, token, clientId=agent.client_id)
    assert answer.status_code == 201
    renewed = agent_of(tenant, answer)
    device = await renewed.read()
    assert not {"lastSeen", "lastCheckIn", "checkInCount", "assetId", "userName"} & set(device)
    assert (await tenant.get(logs)).json()["data"] == []
    assert (await agent.post_check_in()).status_code == 401
    assert (await renewed.check_in(sequence=5))["accepted"] == 1
    await renewed.post_logs([{"severity": "INFO", "payload": {"of": "the new one"}}])
    (entry,) = (await tenant.get(logs)).json()["data"]
    assert entry["payload"]["of"] == "the new one"


# Two things at the same moment.


async def test_deleting_an_organization_while_enrolling_leaves_exactly_one_winner(
    tenant: Tenant, owner: AsyncEngine
) -> None:
    outcomes: list[tuple[int, int]] = []
    for _ in range(20):
        org_id = await tenant.create_organization()
        token = await tenant.create_enrollment_token(org_id)
        deleting = tenant.delete(f"/v1/organizations/{org_id}")
        enrolling = post_enrollment(tenant.http, token)
        pair = (deleting, enrolling) if len(outcomes) % 2 else (enrolling, deleting)
        both = await asyncio.gather(*pair)
        deleted, enrolled = both if len(outcomes) % 2 else both[::-1]
        outcomes.append((deleted.status_code, enrolled.status_code))
        assert outcomes[-1] in {(204, 401), (409, 201)}, (deleted.text, enrolled.text)
        remains = (await tenant.get(f"/v1/organizations/{org_id}")).status_code
        assert remains == (404 if deleted.status_code == 204 else 200)
    assert await _orphans(owner, tenant) == 0
    assert await device_count(tenant) == sum(enrolled == 201 for _, enrolled in outcomes)


async def test_deleting_a_device_while_it_enrolls_again_ends_well(agent: Agent) -> None:
    tenant = agent.tenant
    token = await tenant.create_enrollment_token(agent.org_id)
    for _ in range(20):
        await post_enrollment(tenant.http, token, clientId=agent.client_id)
        enrolling = post_enrollment(tenant.http, token, clientId=agent.client_id)
        deleting = tenant.delete(f"/v1/devices/{agent.client_id}")
        enrolled, deleted = await asyncio.gather(enrolling, deleting)
        assert deleted.status_code == 204
        assert enrolled.status_code in {200, 201, 409}, enrolled.text
        expected = 200 if enrolled.status_code == 201 else 404
        found = await tenant.get(f"/v1/devices/{agent.client_id}")
        assert found.status_code == expected
        if expected == 200:
            assert (await agent_of(tenant, enrolled).post_check_in()).status_code == 200


async def test_a_client_id_that_enrolls_many_times_at_once_is_one_device(
    tenant: Tenant, org_id: str
) -> None:
    tokens = [await tenant.create_enrollment_token(org_id) for _ in range(6)]
    client_id = str(uuid4())
    answers = await asyncio.gather(
        *(post_enrollment(tenant.http, token, clientId=client_id) for token in tokens)
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    alive: list[Any] = [await agent_of(tenant, answer).post_check_in() for answer in answers]
    assert sorted(answer.status_code for answer in alive) == [200] + [401] * 5
    assert await device_count(tenant) == 1


async def test_two_organizations_that_enroll_one_client_id_get_one_device(
    tenant: Tenant, org_id: str
) -> None:
    elsewhere = await tenant.create_organization()
    for _ in range(5):
        client_id = str(uuid4())
        tokens = [await tenant.create_enrollment_token(org) for org in (org_id, elsewhere)]
        answers = await asyncio.gather(
            *(post_enrollment(tenant.http, token, clientId=client_id) for token in tokens)
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409]


_ORPHANS = """
    select count(*) from devices d
     where d.msp_id = :msp_id and not exists (
         select from organizations o where o.msp_id = d.msp_id and o.org_id = d.org_id)"""


async def _orphans(owner: AsyncEngine, tenant: Tenant) -> int:
    async with owner.connect() as connection:
        result = await connection.execute(text(_ORPHANS), {"msp_id": tenant.msp_id})
        count: int = result.scalar_one()
        return count
