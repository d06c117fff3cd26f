"""What integrators change about a device, over HTTP."""

from typing import Any

import httpx
import pytest

from tests.clock import StoppedClock
from tests.factories.tenants import FACTS, Agent, Tenant


async def patch(agent: Agent, **body: Any) -> httpx.Response:
    return await agent.tenant.patch(f"/v1/devices/{agent.client_id}", json=body)


async def read_labels(agent: Agent) -> dict[str, Any]:
    path = f"/v1/devices/{agent.client_id}?include=tags,attributes"
    data = (await agent.tenant.get(path)).json()["data"]
    return {"tags": data["tags"], "attributes": data["attributes"]}


async def test_a_device_moves_to_another_organization_and_the_old_one_can_go(
    agent: Agent,
) -> None:
    target = await agent.tenant.create_organization("Target")
    moved = await patch(agent, orgId=target)
    assert moved.json()["data"]["orgId"] == target
    assert (await agent.tenant.delete(f"/v1/organizations/{agent.org_id}")).status_code == 204
    assert (await agent.check_in())["accepted"] == 1


async def test_a_device_cannot_move_to_another_msps_organization(
    agent: Agent, other_tenant: Tenant
) -> None:
    foreign = await other_tenant.create_organization("Foreign")
    assert (await patch(agent, orgId=foreign)).status_code == 404
    assert (await agent.read())["orgId"] == agent.org_id


async def test_what_is_absent_stays_and_null_clears(agent: Agent) -> None:
    await patch(agent, assetId="A-1", userName="Ada")
    await patch(agent, userName=None)
    device = await agent.read()
    assert device["assetId"] == "A-1"
    assert "userName" not in device


async def test_an_edited_fact_outlives_what_the_device_states_until_it_is_cleared(
    agent: Agent, clock: StoppedClock
) -> None:
    await agent.check_in(assetId="STATED")
    await patch(agent, assetId="EDITED")
    for version in ("15.4", "15.5"):
        clock.advance(seconds=1)
        await agent.check_in(assetId="STATED", osVersion=version)
    assert (await agent.read())["assetId"] == "EDITED"
    await patch(agent, assetId=None)
    clock.advance(seconds=1)
    await agent.check_in(assetId="STATED", osVersion="15.5")
    assert (await agent.read())["assetId"] == "STATED"


async def test_enrolling_again_keeps_what_was_edited(agent: Agent) -> None:
    await patch(agent, assetId="EDITED")
    token = await agent.tenant.create_enrollment_token(agent.org_id)
    answer = await agent.tenant.http.post(
        "/v1/agent/enroll",
        json={**FACTS, "clientId": agent.client_id, "assetId": "STATED"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200
    assert (await agent.read())["assetId"] == "EDITED"


async def test_an_edited_asset_id_is_sorted_and_searched_by(agent: Agent) -> None:
    await patch(agent, assetId="Zebra 7")
    found = await agent.tenant.get("/v1/devices?q=zebra")
    assert [row["clientId"] for row in found.json()["data"]] == [agent.client_id]


async def test_tags_and_attributes_show_only_when_asked_for(agent: Agent) -> None:
    assert await read_labels(agent) == {"tags": [], "attributes": {}}
    await patch(agent, tags=["vip", "loaner", "vip"], attributes={"rack": "B4", "ports": 24})
    assert {"tags", "attributes"}.isdisjoint(await agent.read())
    assert await read_labels(agent) == {
        "tags": ["vip", "loaner"],
        "attributes": {"rack": "B4", "ports": 24},
    }
    listed = (await agent.tenant.get("/v1/devices?include=tags")).json()["data"][0]
    assert listed["tags"] == ["vip", "loaner"]
    assert "attributes" not in listed


async def test_attributes_merge_by_key_and_null_clears(agent: Agent) -> None:
    await patch(agent, attributes={"a": "1", "b": True})
    await patch(agent, attributes={"a": None, "c": 2.5})
    assert (await read_labels(agent))["attributes"] == {"b": True, "c": 2.5}
    await patch(agent, attributes=None, tags=None)
    assert await read_labels(agent) == {"tags": [], "attributes": {}}


@pytest.mark.parametrize(
    "body",
    [
        {"orgId": "nonsense"},
        {"orgId": 5},
        {"assetId": ""},
        {"assetId": "x" * 101},
        {"assetId": "nul\x00"},
        {"userEmail": 5},
        {"tags": "vip"},
        {"tags": ["x"] * 51},
        {"tags": [""]},
        {"attributes": {"a": {"nested": 1}}},
        {"attributes": {str(n): "x" for n in range(51)}},
    ],
)
async def test_a_bad_edit_is_refused_and_changes_nothing(agent: Agent, body: Any) -> None:
    before = await agent.read()
    answer = await patch(agent, userName="Kept out", **body)
    assert answer.status_code == 400
    assert next(iter(body)) in answer.json()["message"]
    assert await agent.read() == before


async def test_an_include_of_something_else_is_refused(agent: Agent) -> None:
    assert (await agent.tenant.get("/v1/devices?include=secrets")).status_code == 400


async def test_an_organization_is_renamed_and_keeps_its_slug(tenant: Tenant) -> None:
    org_id = await tenant.create_organization("Old Name")
    renamed = await tenant.patch(f"/v1/organizations/{org_id}", json={"name": "New Name"})
    assert renamed.status_code == 200
    data = (await tenant.get(f"/v1/organizations/{org_id}")).json()["data"]
    assert (data["name"], data["slug"]) == ("New Name", "old-name")
    assert (
        await tenant.patch(f"/v1/organizations/{org_id}", json={"name": "x"})
    ).status_code == 400


async def test_a_regenerated_secret_may_overlap(tenant: Tenant, clock: StoppedClock) -> None:
    answer = await tenant.post("/v1/credentials/regenerate", json={"overlapSeconds": 60})
    new = answer.json()["clientSecret"]
    assert (await tenant.request_token()).status_code == 200
    assert (await tenant.request_token(client_secret=new)).status_code == 200
    clock.advance(seconds=60)
    assert (await tenant.request_token()).status_code == 401
    assert (await tenant.request_token(client_secret=new)).status_code == 200


@pytest.mark.parametrize("seconds", [-1, 86401, "60"])
async def test_an_overlap_out_of_bounds_is_refused(tenant: Tenant, seconds: Any) -> None:
    answer = await tenant.post("/v1/credentials/regenerate", json={"overlapSeconds": seconds})
    assert answer.status_code == 400
    assert "overlapSeconds" in answer.json()["message"]
    assert (await tenant.request_token()).status_code == 200
