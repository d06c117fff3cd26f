"""Every route the application has, called by one MSP with another's ids."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.kernel.ids import format_msp_id, uuid7
from partner_api.surfaces.partner.app import create_routes
from partner_api.surfaces.partner.services import Services
from tests.clock import StoppedClock
from tests.factories.tenants import FACTS, Agent, Tenant, create_tenant, post_enrollment
from tests.surfaces.partner.hooks import create_webhook
from tests.surfaces.partner.routes import OPERATIONS, Operation
from tests.tenancy.models import TENANT_TABLES
from tests.webhooks.queue import Queue

Ids = dict[str, str]

# A test message goes out, if only anybody were there.
NOWHERE = "https://hooks.invalid/"

IN_PATH = re.compile(r"\{(\w+)\}")
WITH_IDS = [operation for operation in OPERATIONS if IN_PATH.search(operation.path)]
# A stream never ends: tests/events looks into those.
LISTS = [
    operation
    for operation in OPERATIONS
    if operation not in WITH_IDS and not operation.path.endswith("/stream")
]


@pytest.fixture(scope="module")
async def both(
    owner: AsyncEngine, http: httpx.AsyncClient, session_clock: StoppedClock
) -> tuple[Agent, Agent]:
    """A device each of two MSPs, both of which have two of everything."""
    session_clock.reset()
    agents: list[Agent] = []
    for name in ("Ours", "Theirs"):
        tenant = await create_tenant(owner, http, session_clock, name)
        for organization in ("One", "Two"):
            org_id = await tenant.create_organization(f"{name} {organization}")
            agent = await tenant.enroll(org_id, assetId=f"{name} {organization} asset")
            await agent.check_in()
            await agent.post_logs([{"severity": "INFO", "payload": {"of": name}}])
            hook = {"url": NOWHERE, "description": f"{name} {organization}"}
            await create_webhook(tenant, orgId=org_id, **hook)
        await deliver_something(owner, agent, len(agents) + 1)
        agents.append(agent)
    return agents[0], agents[1]


@pytest.fixture
def ours(both: tuple[Agent, Agent], clock: StoppedClock) -> Agent:  # noqa: ARG001 - stands
    return both[0]


@pytest.fixture
def theirs(both: tuple[Agent, Agent], clock: StoppedClock) -> Agent:  # noqa: ARG001 - stands
    return both[1]


async def ids_of(agent: Agent) -> Ids:
    """A value for every path parameter there is; a route with a new one fails until it is here."""
    path = f"/v1/organizations/{agent.org_id}/enrollment-tokens"
    tokens = (await agent.tenant.get(path)).json()["data"]
    webhooks = (await agent.tenant.get("/v1/webhooks")).json()["data"]
    webhook_id = next(row["id"] for row in webhooks if row["orgId"] == agent.org_id)
    deliveries = (await agent.tenant.get(f"/v1/webhooks/{webhook_id}/deliveries")).json()["data"]
    return {
        "mspId": agent.tenant.msp,
        "orgId": agent.org_id,
        "clientId": agent.client_id,
        "tokenId": tokens[0]["id"],
        "webhookId": webhook_id,
        # They count from 1 for every MSP: the other one has another number.
        "deliveryId": deliveries[0]["id"] if deliveries else "",
    }


async def deliver_something(owner: AsyncEngine, agent: Agent, position: int) -> None:
    """An event that reached the webhook of a device's organization: a delivery to name."""
    webhook_id = (await ids_of(agent))["webhookId"]
    async with owner.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        await Queue(raw, StoppedClock(), agent.tenant, webhook_id).ended(position)


def unknown_ids(clock: StoppedClock) -> Ids:
    """Ids in the same form that nothing ever had."""
    return {
        "mspId": format_msp_id(uuid7(clock.now())),  # type: ignore[arg-type]
        "orgId": f"org_{uuid7(clock.now())}",
        "clientId": str(uuid4()).upper(),
        "tokenId": str(uuid7(clock.now())),
        "webhookId": str(uuid7(clock.now())),
        "deliveryId": "dlv_0000000000000009",
    }


def filled(operation: Operation, ids: Ids) -> str:
    missing = set(IN_PATH.findall(operation.path)) - set(ids)
    assert not missing, f"{operation} has a path parameter this test has no id for: {missing}"
    return IN_PATH.sub(lambda match: ids[match[1]], operation.path)


async def call(tenant: Tenant, operation: Operation, ids: Ids) -> httpx.Response:
    body: Any = None
    if operation.method in {"POST", "PUT", "PATCH"}:
        is_settings = operation.path.endswith("/settings")
        body = {"checkInIntervalSeconds": 60} if is_settings else {"name": "Intruder"}
        body |= {"from": "2026-02-24T00:00:00Z"} if operation.path.endswith("/replay") else {}
    return await tenant.http.request(
        operation.method, filled(operation, ids), headers=tenant.headers, json=body
    )


def visible(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that a caller can tell two answers apart by."""
    headers = [pair for pair in answer.headers.multi_items() if pair[0] != "x-request-id"]
    return answer.status_code, answer.content, headers


async def rows_of(owner: AsyncEngine, tenant: Tenant) -> dict[str, list[str]]:
    """Everything the database holds of an MSP."""
    found = {}
    async with owner.connect() as connection:
        for table in TENANT_TABLES:
            statement = f"select t::text from {table} t where msp_id = :msp_id order by 1"
            result = await connection.execute(text(statement), {"msp_id": tenant.msp_id})
            found[table] = list(result.scalars())
    return found


def test_the_operations_tested_are_those_the_application_has(services: Services) -> None:
    documented = {
        (method.upper(), path)
        for path, methods in create_routes(services).openapi()["paths"].items()
        for method in methods
    }
    assert {(operation.method, operation.path) for operation in OPERATIONS} == documented
    assert len(WITH_IDS) >= 8


@pytest.mark.parametrize("operation", WITH_IDS, ids=str)
async def test_another_msps_ids_are_answered_as_ids_that_never_existed(
    ours: Agent, theirs: Agent, owner: AsyncEngine, clock: StoppedClock, operation: Operation
) -> None:
    before = await rows_of(owner, ours.tenant)
    foreign = await call(theirs.tenant, operation, await ids_of(ours))
    unknown = await call(theirs.tenant, operation, unknown_ids(clock))
    names_the_msp = "{mspId}" in operation.path
    assert foreign.status_code == (403 if names_the_msp else 404), foreign.text
    assert visible(foreign) == visible(unknown)
    assert await rows_of(owner, ours.tenant) == before


@pytest.mark.parametrize(
    "operation", [each for each in WITH_IDS if each.path.count("{") > 1], ids=str
)
async def test_another_msps_ids_behind_ones_own_are_not_found_either(
    ours: Agent, theirs: Agent, owner: AsyncEngine, operation: Operation
) -> None:
    own, foreign = await ids_of(theirs), await ids_of(ours)
    before = await rows_of(owner, ours.tenant), await rows_of(owner, theirs.tenant)
    for name in IN_PATH.findall(operation.path):
        answer = await call(theirs.tenant, operation, {**own, name: foreign[name]})
        assert answer.status_code == 404
    assert (await rows_of(owner, ours.tenant), await rows_of(owner, theirs.tenant)) == before


@pytest.mark.parametrize("operation", WITH_IDS, ids=str)
async def test_ones_own_ids_are_found(ours: Agent, operation: Operation) -> None:
    """Or else the tests above would prove nothing."""
    if operation.method == "DELETE":
        tenant = ours.tenant
        spare = await tenant.enroll(await tenant.create_organization("Spare"))
        await create_webhook(tenant, orgId=spare.org_id)
        ids = await ids_of(spare)
        if operation.path.endswith("{orgId}"):
            await tenant.delete(f"/v1/devices/{spare.client_id}")
        assert (await call(tenant, operation, ids)).status_code == 204
        return
    assert (await call(ours.tenant, operation, await ids_of(ours))).is_success


@pytest.mark.parametrize("operation", LISTS, ids=str)
async def test_a_list_shows_nothing_of_another_msp(
    ours: Agent, theirs: Agent, owner: AsyncEngine, operation: Operation
) -> None:
    before = await rows_of(owner, ours.tenant)
    answer = await call(theirs.tenant, operation, {})
    if operation.path.endswith("regenerate"):
        theirs.tenant.client_secret = answer.json()["clientSecret"]
    names = ("Ours ", '"Ours"')
    marks = (ours.tenant.msp[4:], ours.org_id, ours.client_id, ours.tenant.client_id, *names)
    for mark in marks:
        assert mark.lower() not in answer.text.lower()
    assert await rows_of(owner, ours.tenant) == before


@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=asset",
        "q=Ours",
        "q=%25",
        "status=healthy",
        "connectionState=streaming",
        "sortBy=assetId&sortOrder=desc",
        "sortBy=clientId&limit=1",
        "orgId={orgId}",
        "orgId={orgId}&q=asset",
        "q={clientId}",
    ],
)
async def test_no_filter_or_sort_lists_another_msps_devices(
    ours: Agent, theirs: Agent, query: str
) -> None:
    query = query.format(**await ids_of(ours))
    body = (await theirs.tenant.get(f"/v1/devices?{query}")).json()
    assert {row["mspId"] for row in body["data"]} <= {theirs.tenant.msp}
    assert all("Theirs" in row["assetId"] for row in body["data"])
    assert body["meta"]["total"] <= 2


async def test_figures_count_ones_own_devices_only(ours: Agent, theirs: Agent) -> None:
    for tenant in (ours.tenant, theirs.tenant):
        devices = (await tenant.get("/v1/devices")).json()
        stats = (await tenant.get(f"/v1/msp/{tenant.msp}/stats")).json()["data"]
        organizations = (await tenant.get("/v1/organizations")).json()
        assert {row["mspId"] for row in devices["data"]} == {tenant.msp}
        assert stats["totalDevices"] == len(devices["data"]) == devices["meta"]["total"]
        assert stats["totalOrgs"] == len(organizations["data"]) == organizations["meta"]["total"]
        assert sum(row["stats"]["total"] for row in organizations["data"]) == len(devices["data"])


async def test_another_msps_cursor_opens_nothing(ours: Agent, theirs: Agent) -> None:
    for path in ("/v1/devices", "/v1/organizations"):
        page = (await ours.tenant.get(path, params={"limit": 1})).json()
        stolen = {"limit": 1, "cursor": page["meta"]["nextCursor"]}
        assert (await theirs.tenant.get(path, params=stolen)).status_code == 400
        assert (await ours.tenant.get(path, params=stolen)).status_code == 200


async def test_a_device_token_writes_to_its_own_device_only(
    ours: Agent, theirs: Agent, owner: AsyncEngine
) -> None:
    twin_id = ours.client_id
    twin = await theirs.tenant.enroll(theirs.org_id, clientId=twin_id, assetId="Theirs twin")
    before = await rows_of(owner, ours.tenant)
    await twin.check_in(assetId="Theirs renamed")
    await twin.post_logs([{"severity": "INFO", "payload": {"of": "Theirs"}}])
    assert await rows_of(owner, ours.tenant) == before
    logs = (await ours.tenant.get(f"/v1/devices/{twin_id}/logs")).json()["data"]
    assert {entry["payload"]["of"] for entry in logs} == {"Ours"}
    await theirs.tenant.delete(f"/v1/devices/{twin_id}")


async def test_an_enrollment_token_enrolls_into_its_own_msp(ours: Agent, theirs: Agent) -> None:
    token = await theirs.tenant.create_enrollment_token(theirs.org_id)
    answer = await post_enrollment(
        ours.tenant.http, token, mspId=ours.tenant.msp, orgId=ours.org_id, assetId="Theirs new"
    )
    assert answer.json()["data"]["mspId"] == theirs.tenant.msp
    assert answer.json()["data"]["orgId"] == theirs.org_id


# Ids that travel in bodies.


async def test_a_device_moves_into_no_other_msps_organization(
    ours: Agent, theirs: Agent, owner: AsyncEngine, clock: StoppedClock
) -> None:
    before = await rows_of(owner, ours.tenant), await rows_of(owner, theirs.tenant)
    path, headers = f"/v1/devices/{theirs.client_id}", theirs.tenant.headers
    answers = []
    for org_id in (ours.org_id, unknown_ids(clock)["orgId"]):
        patch = {"orgId": org_id, "assetId": "Theirs moved"}
        answers.append(await theirs.tenant.http.patch(path, json=patch, headers=headers))
    assert visible(answers[0]) == visible(answers[1])
    assert answers[0].status_code == 404
    assert (await rows_of(owner, ours.tenant), await rows_of(owner, theirs.tenant)) == before


async def test_a_relay_reaches_no_other_msps_devices_or_organizations(
    ours: Agent, theirs: Agent, owner: AsyncEngine, clock: StoppedClock
) -> None:
    before = await rows_of(owner, ours.tenant), await rows_of(owner, theirs.tenant)
    unknown = unknown_ids(clock)
    messages = []
    for client_id, org_id in (
        (ours.client_id, None),
        (unknown["clientId"], None),
        (ours.client_id, ours.org_id),
        (unknown["clientId"], unknown["orgId"]),
    ):
        item = {"clientId": client_id, **FACTS, **({"orgId": org_id} if org_id else {})}
        answer = await theirs.tenant.post("/v1/check-ins", json={"checkIns": [item]})
        data = answer.json()["data"]
        assert (data["accepted"], len(data["rejected"])) == (0, 1)
        messages.append(data["rejected"][0]["message"])
    assert messages[0] == messages[1]
    assert messages[2] == messages[3]
    assert (await rows_of(owner, ours.tenant), await rows_of(owner, theirs.tenant)) == before


async def test_a_relayed_client_id_of_another_msp_is_another_device(
    ours: Agent, theirs: Agent, owner: AsyncEngine
) -> None:
    before = await rows_of(owner, ours.tenant)
    item = {"clientId": ours.client_id, "orgId": theirs.org_id, **FACTS, "assetId": "Theirs twin"}
    answer = await theirs.tenant.post("/v1/check-ins", json={"checkIns": [item]})
    assert answer.json()["data"]["accepted"] == 1
    assert await rows_of(owner, ours.tenant) == before
    twin = (await theirs.tenant.get(f"/v1/devices/{ours.client_id}")).json()["data"]
    assert (twin["mspId"], twin["orgId"]) == (theirs.tenant.msp, theirs.org_id)
    assert (await theirs.tenant.delete(f"/v1/devices/{ours.client_id}")).status_code == 204
    assert await rows_of(owner, ours.tenant) == before
