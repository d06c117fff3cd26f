"""Check-ins that an integrator passes on."""

from typing import Any
from uuid import uuid4

from tests.clock import StoppedClock
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
