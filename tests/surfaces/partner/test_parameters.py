"""Parameters: their limits, what is refused, and what is ignored."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_api.surfaces.partner.organization_schemas import OrganizationCreate
from tests.clock import StoppedClock
from tests.factories.tenants import Agent, Tenant
from tests.ids import NOBODYS

ORGANIZATIONS, DEVICES, LOGS = "/v1/organizations", "/v1/devices", "/v1/devices/{clientId}/logs"
EVENTS = "/v1/events"
LARGEST = {ORGANIZATIONS: 1000, DEVICES: 1000, LOGS: 500, EVENTS: 500}

NOT_A_LIMIT = ["0", "-1", "", "many", "1.5", "1e3", "ten", "0x10", "999999999999999999999999"]


def path_of(template: str, agent: Agent) -> str:
    return template.format(clientId=agent.client_id)


async def assert_refused(agent: Agent, template: str, query: str, name: str) -> str:
    """400 in the one shape, its message beginning with the parameter."""
    answer = await agent.tenant.get(f"{path_of(template, agent)}?{query}")
    assert answer.status_code == 400, (query, answer.text)
    body = answer.json()
    assert set(body) == {"error", "message"}
    assert body["error"] == "Bad Request"
    message: str = body["message"]
    assert message.startswith(name), message
    return message


@pytest.mark.parametrize("template", LARGEST)
async def test_limit_is_taken_from_one_to_its_largest(standing: Agent, template: str) -> None:
    for limit in (1, LARGEST[template]):
        answer = await standing.tenant.get(path_of(template, standing), params={"limit": limit})
        assert answer.status_code == 200


@pytest.mark.parametrize("template", LARGEST)
async def test_limit_is_refused_beyond_what_is_allowed(standing: Agent, template: str) -> None:
    for limit in (*NOT_A_LIMIT, str(LARGEST[template] + 1)):
        await assert_refused(standing, template, f"limit={limit}", "limit")
    message = await assert_refused(standing, template, f"limit={LARGEST[template] + 1}", "limit")
    assert str(LARGEST[template]) in message


@pytest.mark.parametrize(
    ("template", "query", "name"),
    [
        (DEVICES, "status=broken", "status"),
        (DEVICES, "status=HEALTHY", "status"),
        (DEVICES, "status=", "status"),
        (DEVICES, "connectionState=online", "connectionState"),
        (DEVICES, "connectionState=", "connectionState"),
        (DEVICES, "sortBy=name", "sortBy"),
        (DEVICES, "sortBy=", "sortBy"),
        (DEVICES, "sortBy=lastseen", "sortBy"),
        (DEVICES, "sortOrder=up", "sortOrder"),
        (DEVICES, "sortOrder=ASC", "sortOrder"),
        (DEVICES, "orgId=", "orgId"),
        (DEVICES, "orgId=org_1", "orgId"),
        (DEVICES, f"orgId={NOBODYS}", "orgId"),
        (DEVICES, f"orgId=org_{NOBODYS.upper()}", "orgId"),
        (DEVICES, f"orgId=msp_{NOBODYS}", "orgId"),
        (DEVICES, "q=a%00b", "q"),
        (DEVICES, "q=" + "x" * 201, "q"),
        (DEVICES, "cursor=nonsense", "cursor"),
        (ORGANIZATIONS, "cursor=nonsense", "cursor"),
        (ORGANIZATIONS, "cursor=%C3%A4", "cursor"),
        (LOGS, "cursor=nonsense", "cursor"),
        (LOGS, "level=fatal", "level"),
        (LOGS, "level=", "level"),
        (LOGS, "from=yesterday", "from"),
        (LOGS, "from=", "from"),
        (LOGS, "from=2026-02-24T11:55:00", "from"),
        (LOGS, "from=1771934100", "from"),
        (LOGS, "to=2026-02-30T00:00:00Z", "to"),
        (LOGS, "to=2026-02-24", "to"),
        (EVENTS, "after=", "after"),
        (EVENTS, "after=42", "after"),
        (EVENTS, "after=evt_42", "after"),
        (EVENTS, "after=evt_00000000000000042", "after"),
        (EVENTS, "after=evt_%2000000000000042", "after"),
        (EVENTS, "types=", "types"),
        (EVENTS, "types=device", "types"),
        (EVENTS, "types=device.online,", "types"),
        (EVENTS, "types=device.online&types=device.sold", "types"),
        (EVENTS, "types=Device.Online", "types"),
        (EVENTS, "orgId=org_1", "orgId"),
        (EVENTS, "clientId=x", "clientId"),
        (EVENTS, "wait=-1", "wait"),
        (EVENTS, "wait=31", "wait"),
        (EVENTS, "wait=0.5", "wait"),
        (EVENTS, "wait=", "wait"),
        (f"{EVENTS}/stream", "after=evt_42", "after"),
        (f"{EVENTS}/stream", "types=device.sold", "types"),
    ],
)
async def test_a_wrong_value_is_refused_by_its_name(
    standing: Agent, template: str, query: str, name: str
) -> None:
    await assert_refused(standing, template, query, name)


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("status=x", ["healthy", "warning", "critical"]),
        ("connectionState=x", ["streaming", "idle", "offline"]),
        ("sortBy=x", ["status", "lastSeen", "version", "assetId"]),
        ("sortOrder=x", ["asc", "desc"]),
    ],
)
async def test_a_refusal_says_what_is_allowed(
    standing: Agent, query: str, allowed: list[str]
) -> None:
    message = await assert_refused(standing, DEVICES, query, query.partition("=")[0])
    assert all(word in message for word in allowed)


@pytest.mark.parametrize(
    ("template", "name", "value"),
    [
        (ORGANIZATIONS, "limit", "1"),
        (ORGANIZATIONS, "cursor", "x"),
        (DEVICES, "limit", "1"),
        (DEVICES, "status", "healthy"),
        (DEVICES, "connectionState", "idle"),
        (DEVICES, "q", "x"),
        (DEVICES, "sortBy", "status"),
        (DEVICES, "sortOrder", "asc"),
        (DEVICES, "orgId", f"org_{NOBODYS}"),
        (DEVICES, "cursor", "x"),
        (LOGS, "limit", "1"),
        (LOGS, "level", "info"),
        (LOGS, "from", "2026-02-24T11:55:00Z"),
        (LOGS, "to", "2026-02-24T11:55:00Z"),
        (LOGS, "cursor", "x"),
        (EVENTS, "after", "evt_0000000000000042"),
        (EVENTS, "limit", "1"),
        (EVENTS, "wait", "0"),
        (EVENTS, "clientId", NOBODYS),
    ],
)
async def test_a_repeated_parameter_is_refused(
    standing: Agent, template: str, name: str, value: str
) -> None:
    await assert_refused(standing, template, f"{name}={value}&{name}={value}", name)


async def test_types_are_given_in_every_way_lists_are(standing: Agent) -> None:
    for query in (
        "types=device.online&types=device.offline",
        "types=device.online,device.offline",
        "types=device.online,org.created&types=device.offline,org.created",
    ):
        assert (await standing.tenant.get(f"{EVENTS}?{query}")).status_code == 200
    message = await assert_refused(standing, EVENTS, "types=x", "types")
    assert all(word in message for word in ("device.online", "org.created"))


async def test_an_unknown_parameter_is_ignored(standing: Agent) -> None:
    tenant = standing.tenant
    for path in (
        *(path_of(template, standing) for template in LARGEST),
        f"/v1/devices/{standing.client_id}",
        f"/v1/organizations/{standing.org_id}",
        f"/v1/msp/{tenant.msp}/stats",
        "/v1/msp/members",
        "/v1/credentials",
        "/v1/health",
    ):
        plain = await tenant.get(path)
        extended = await tenant.get(f"{path}?verbose=1&verbose=2&mspId=x&Limit=0&org_id=x")
        assert extended.status_code == 200
        assert extended.json() == plain.json()


async def test_an_organization_that_is_not_ours_filters_to_nothing(
    agent: Agent, other_tenant: Tenant
) -> None:
    foreign = (await other_tenant.get("/v1/organizations")).json()["data"][0]["orgId"]
    for org_id in (f"org_{uuid4()}", foreign):
        answer = await agent.tenant.get("/v1/devices", params={"orgId": org_id})
        assert answer.status_code == 200
        assert answer.json() == {"data": [], "meta": {"total": 0}}


async def test_a_log_is_filtered_by_instants_in_any_zone(agent: Agent, clock: StoppedClock) -> None:
    await agent.post_logs([{"severity": "INFO", "payload": {}}])
    path = f"/v1/devices/{agent.client_id}/logs"

    async def count(name: str, instant: datetime) -> int:
        shifted = instant + timedelta(hours=2)
        text = shifted.isoformat(timespec="microseconds").replace("+00:00", "+02:00")
        answer = await agent.tenant.get(path, params={name: text})
        found: int = answer.json()["meta"]["count"]
        return found

    tick = timedelta(microseconds=1)
    assert [await count("from", clock.now() + step) for step in (-tick, 0 * tick, tick)] == [
        1,
        1,
        0,
    ]
    assert [await count("to", clock.now() + step) for step in (-tick, 0 * tick, tick)] == [0, 1, 1]


MALFORMED_IDS = [
    ("/v1/organizations/{}", "Organization not found"),
    ("/v1/organizations/{}/enrollment-tokens", "Organization not found"),
    ("/v1/devices/{}", "Device not found"),
    ("/v1/devices/{}/logs", "Device not found"),
    ("/v1/msp/{}/stats", "MSP not found"),
]


@pytest.mark.parametrize(("template", "message"), MALFORMED_IDS)
async def test_a_malformed_id_in_a_path_was_never_found(
    standing: Agent, template: str, message: str
) -> None:
    shouted = str(uuid4()).upper()
    for text in ("x", "%00", "org_", "msp_", f"org_{shouted}", f"msp_{shouted}", shouted[:-1], "é"):
        answer = await standing.tenant.get(template.format(text))
        assert answer.status_code == 404
        assert answer.json() == {"error": "Not Found", "message": message}


async def test_a_token_id_is_found_in_its_own_organization_only(tenant: Tenant) -> None:
    org_id, elsewhere = await tenant.create_organization(), await tenant.create_organization()
    path = f"/v1/organizations/{org_id}/enrollment-tokens"
    token_id = (await tenant.post(path, json={})).json()["data"]["id"]
    gone = {"error": "Not Found", "message": "Enrollment token not found"}
    for wrong in (
        f"{path}/x",
        f"{path}/{uuid4()}",
        f"/v1/organizations/{elsewhere}/enrollment-tokens/{token_id}",
    ):
        answer = await tenant.delete(wrong)
        assert (answer.status_code, answer.json()) == (404, gone)
    assert (await tenant.delete(f"{path}/{token_id}")).status_code == 204
    assert (await tenant.delete(f"{path}/{token_id}")).json() == gone


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("maxUses", 0),
        ("maxUses", -1),
        ("maxUses", "1"),
        ("maxUses", 1.5),
        ("maxUses", True),
        ("expiresInSeconds", 0),
        ("expiresInSeconds", -60),
        ("expiresInSeconds", "600"),
        ("expiresInSeconds", None),
        ("expiresInSeconds", 10**12),
    ],
)
async def test_an_enrollment_token_is_refused_by_the_field_that_is_wrong(
    standing: Agent, field: str, value: object
) -> None:
    tenant = standing.tenant
    org_id = await tenant.create_organization()
    path = f"/v1/organizations/{org_id}/enrollment-tokens"
    answer = await tenant.post(path, json={field: value})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(field)
    assert (await tenant.get(path)).json()["data"] == []


@pytest.mark.parametrize(
    "name", ["", "a", " a ", "x" * 101, "--", "   ", "a\x00b", "a\nb", None, 7, ["Acme"]]
)
async def test_an_organization_needs_a_name_of_2_to_100_characters(
    standing: Agent, name: object
) -> None:
    tenant = standing.tenant
    before = (await tenant.get("/v1/organizations")).json()["meta"]["total"]
    answer = await tenant.post("/v1/organizations", json={"name": name})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("name")
    assert (await tenant.get("/v1/organizations")).json()["meta"]["total"] == before


@pytest.mark.parametrize("name", ["ab", "x" * 100, "7-", "株式会社", "  Acme  "])
async def test_an_organization_takes_any_name_with_a_letter_or_digit(
    standing: Agent, name: str
) -> None:
    answer = await standing.tenant.post("/v1/organizations", json={"name": name})
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert data["name"] == name.strip()
    assert data["slug"]
    assert data["slug"].isascii()


@settings(max_examples=200)
@given(st.text(min_size=2, max_size=100))
def test_a_name_is_refused_with_a_reason_or_kept_without_its_edges(name: str) -> None:
    try:
        kept = OrganizationCreate.model_validate({"name": name}).name
    except ValueError:
        return
    assert kept == name.strip()
    assert 2 <= len(kept) <= 100
