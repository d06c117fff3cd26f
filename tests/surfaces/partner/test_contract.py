"""Every documented example, compared with a real answer key by key."""

import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.msps.models import Member
from partner_api.tenancy.session import tenant_session
from tests.clock import StoppedClock
from tests.factories.tenants import FACTS, Agent, Tenant, post_enrollment
from tests.surfaces.partner.routes import OPERATIONS

TOKEN = """{
  "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
  "token_type": "Bearer",
  "expires_in": 3600,
  "scope": "fleet:read analytics:read orgs:read orgs:write"
}"""
CREDENTIAL = """{
  "exists": true,
  "clientId": "nwx_ci_abc123",
  "scopes": ["fleet:read", "analytics:read", "orgs:read", "orgs:write"],
  "createdAt": "2026-01-15T10:00:00Z",
  "lastUsedAt": "2026-02-24T12:00:00Z",
  "enabled": true
}"""
SECRET = """{
  "clientId": "nwx_ci_abc123",
  "clientSecret": "nwx_cs_newSecretHere789",
  "message": "Client secret regenerated. Store it securely - it won't be shown again."
}"""
STATS = """{
  "data": {
    "totalDevices": 47, "totalOrgs": 3, "healthy": 38, "warning": 6, "critical": 3,
    "onlineNow": 41
  }
}"""
MEMBERS = """{
  "data": [
    {
      "email": "alice@acme.com",
      "name": "Alice Smith",
      "picture": "https://lh3.googleusercontent.com/a/example",
      "provider": "google",
      "lastLoginAt": "2026-02-27T10:30:00Z"
    }
  ],
  "meta": {"total": 1}
}"""
ORGANIZATION = """{
  "orgId": "org_b2c3d4e5-f6a7-8901-bcde-f12345678901",
  "name": "Acme Corp",
  "mspId": "msp_a1b2c3d4-e5f6-7890-abcd-ef1234567890",
  "slug": "acme-corp",
  "stats": {
    "orgId": "org_b2c3d4e5-f6a7-8901-bcde-f12345678901",
    "total": 25, "healthy": 20, "warning": 3, "critical": 2, "onlineNow": 22,
    "currentVersion": 25,
    "networkQuality": {
      "good": 0, "degraded": 0, "poor": 0, "offline": 25, "overall": "offline"
    },
    "locations": {"office": 0, "home": 0, "remote": 0, "unknown": 25},
    "connectionStates": {"streaming": 18, "idle": 4, "offline": 3}
  },
  "overallHealth": "critical"
}"""
ORGANIZATIONS = f'{{"data": [{ORGANIZATION}], "meta": {{"total": 3}}}}'
CREATED_ORGANIZATION = """{
  "data": {
    "orgId": "org_c3d4e5f6-a7b8-9012-cdef-123456789012",
    "name": "Acme Corp",
    "mspId": "msp_a1b2c3d4-e5f6-7890-abcd-ef1234567890",
    "slug": "acme-corp"
  }
}"""
DEVICE = """{
  "clientId": "A1B2C3D4-E5F6-7890-ABCD-EF1234567890",
  "mspId": "msp_a1b2c3d4-e5f6-7890-abcd-ef1234567890",
  "orgId": "org_b2c3d4e5-f6a7-8901-bcde-f12345678901",
  "currentVersion": "1.0.5.42",
  "os": "macOS",
  "osVersion": "15.3",
  "arch": "arm64",
  "channel": "stable",
  "lastSeen": "2026-02-24T11:55:00Z",
  "lastCheckIn": "2026-02-24T11:55:00Z",
  "checkInCount": 342,
  "serialNumber": "C02X1234ABCD",
  "assetId": "ACME-MBP-0042",
  "connectionState": "streaming",
  "status": "healthy",
  "isCurrentVersion": true,
  "location": {"type": "unknown", "confidence": 0, "signals": []}
}"""
DEVICES = f'{{"data": [{DEVICE}], "meta": {{"total": 25}}}}'
LOGS = """{
  "data": [
    {
      "timestamp": "2026-02-26T12:00:00Z",
      "severity": "INFO",
      "payload": {
        "clientId": "A1B2C3D4-E5F6-7890-ABCD-EF1234567890",
        "type": "network_check",
        "latency_ms": 12.5
      }
    }
  ],
  "meta": {"count": 1, "limit": 50}
}"""
HEALTH = """{
  "service": "partner-api",
  "revision": "partner-api-production-00015-abc"
}"""

DOCUMENTED = {
    "POST /oauth/token",
    "GET /v1/credentials",
    "POST /v1/credentials/regenerate",
    "GET /v1/msp/{mspId}/stats",
    "GET /v1/msp/members",
    "GET /v1/organizations",
    "POST /v1/organizations",
    "GET /v1/organizations/{orgId}",
    "DELETE /v1/organizations/{orgId}",
    "GET /v1/devices",
    "GET /v1/devices/{clientId}",
    "DELETE /v1/devices/{clientId}",
    "GET /v1/devices/{clientId}/logs",
    "GET /v1/health",
}

MSP_ID = re.compile(r"msp_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ORG_ID = re.compile(MSP_ID.pattern.replace("msp_", "org_"))
CLIENT_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z")
PATTERNS = {
    "mspId": MSP_ID,
    "orgId": ORG_ID,
    "clientId": re.compile(rf"nwx_ci_\w+|{CLIENT_ID.pattern}"),
    "clientSecret": re.compile(r"nwx_cs_[\w-]{43}"),
    **dict.fromkeys(
        ("lastSeen", "lastCheckIn", "timestamp", "createdAt", "lastUsedAt", "lastLoginAt"), INSTANT
    ),
}


def shape(value: Any) -> Any:
    """A JSON value's keys and types, without what they say."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


def assert_as_documented(answer: httpx.Response, example: str, status: int = 200) -> Any:
    """The example's keys, no other, none null, each spelled as its kind is."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert shape(body) == shape(json.loads(example))
    _assert_spelled(body)
    return body


def _assert_spelled(value: Any) -> None:
    if isinstance(value, list):
        for inner in value:
            _assert_spelled(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in PATTERNS:
                assert PATTERNS[key].fullmatch(inner), (key, inner)
            _assert_spelled(inner)


@pytest.fixture
async def documented_agent(tenant: Tenant, other_tenant: Tenant) -> Agent:  # noqa: ARG001
    """The document's own device, beside those of another MSP."""
    org_id = await tenant.create_organization("Acme Corp")
    agent = await tenant.enroll(org_id, serialNumber="C02X1234ABCD", assetId="ACME-MBP-0042")
    await agent.check_in()
    return agent


def test_the_application_has_every_documented_operation() -> None:
    assert {str(operation) for operation in OPERATIONS} >= DOCUMENTED


async def test_a_token_is_answered_as_documented(tenant: Tenant) -> None:
    body = assert_as_documented(await tenant.request_token(), TOKEN)
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 3600
    assert body["scope"] == "fleet:read analytics:read orgs:read orgs:write"


async def test_the_credential_is_answered_as_documented(
    tenant: Tenant, clock: StoppedClock
) -> None:
    body = assert_as_documented(await tenant.get("/v1/credentials"), CREDENTIAL)
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert body == {
        "exists": True,
        "clientId": tenant.client_id,
        "scopes": ["fleet:read", "analytics:read", "orgs:read", "orgs:write"],
        "createdAt": now,
        "lastUsedAt": now,
        "enabled": True,
    }


async def test_a_new_secret_is_answered_as_documented(tenant: Tenant) -> None:
    body = assert_as_documented(await tenant.post("/v1/credentials/regenerate"), SECRET)
    assert body["clientId"] == tenant.client_id
    assert body["message"] == json.loads(SECRET)["message"]


async def test_fleet_figures_are_answered_as_documented(documented_agent: Agent) -> None:
    tenant = documented_agent.tenant
    await tenant.enroll(documented_agent.org_id)
    await tenant.create_organization("Empty")
    body = assert_as_documented(await tenant.get(f"/v1/msp/{tenant.msp}/stats"), STATS)
    assert body["data"] == {
        "totalDevices": 2,
        "totalOrgs": 2,
        "healthy": 1,
        "warning": 0,
        "critical": 1,
        "onlineNow": 1,
    }


async def test_members_are_answered_as_documented(
    tenant: Tenant, other_tenant: Tenant, owner: AsyncEngine, clock: StoppedClock
) -> None:
    for msp in (tenant, other_tenant):
        await add_member(owner, msp, clock, "alice@acme.com", "https://lh3.example/a")
    await add_member(owner, tenant, clock, "bob@acme.com", None)
    body = assert_as_documented(await tenant.get("/v1/msp/members"), MEMBERS)
    assert body["meta"] == {"total": 2}
    alice, bob = body["data"]
    assert alice["email"] == "alice@acme.com"
    assert set(alice) - set(bob) == {"picture"}


async def test_nobody_has_logged_in_to_a_new_msp(tenant: Tenant) -> None:
    assert (await tenant.get("/v1/msp/members")).json() == {"data": [], "meta": {"total": 0}}


async def test_organizations_are_answered_as_documented(documented_agent: Agent) -> None:
    tenant = documented_agent.tenant
    body = assert_as_documented(await tenant.get("/v1/organizations"), ORGANIZATIONS)
    (organization,) = body["data"]
    assert organization["orgId"] == organization["stats"]["orgId"] == documented_agent.org_id
    assert organization["mspId"] == tenant.msp
    assert organization["overallHealth"] == "healthy"
    one = await tenant.get(f"/v1/organizations/{documented_agent.org_id}")
    assert_as_documented(one, f'{{"data": {ORGANIZATION}}}')
    assert one.json()["data"] == organization


async def test_an_organization_without_devices_has_every_counter(tenant: Tenant) -> None:
    org_id = await tenant.create_organization()
    answer = await tenant.get(f"/v1/organizations/{org_id}")
    body = assert_as_documented(answer, f'{{"data": {ORGANIZATION}}}')
    stats = body["data"]["stats"]
    assert stats["networkQuality"]["overall"] == "offline"
    assert (
        stats["total"] == stats["networkQuality"]["offline"] == stats["locations"]["unknown"] == 0
    )
    assert body["data"]["overallHealth"] == "healthy"


async def test_a_new_organization_is_answered_as_documented(tenant: Tenant) -> None:
    answer = await tenant.post("/v1/organizations", json={"name": "Acme Corp"})
    body = assert_as_documented(answer, CREATED_ORGANIZATION, 201)
    assert body["data"]["name"] == "Acme Corp"
    assert body["data"]["slug"] == "acme-corp"
    assert body["data"]["mspId"] == tenant.msp


async def test_deleting_an_organization_answers_nothing(tenant: Tenant) -> None:
    org_id = await tenant.create_organization()
    answer = await tenant.delete(f"/v1/organizations/{org_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await tenant.get(f"/v1/organizations/{org_id}")).status_code == 404
    again = await tenant.delete(f"/v1/organizations/{org_id}")
    assert again.json() == {"error": "Not Found", "message": "Organization not found"}


async def test_deleting_an_organization_refuses_when_devices_remain(agent: Agent) -> None:
    answer = await agent.tenant.delete(f"/v1/organizations/{agent.org_id}")
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "Conflict",
        "message": "Cannot delete organization with assigned devices. "
        "Reassign or remove devices first.",
    }


async def test_devices_are_answered_as_documented(documented_agent: Agent) -> None:
    tenant = documented_agent.tenant
    body = assert_as_documented(await tenant.get("/v1/devices"), DEVICES)
    (device,) = body["data"]
    assert device["clientId"] == documented_agent.client_id
    assert CLIENT_ID.fullmatch(device["clientId"])
    assert device["lastSeen"] == device["lastCheckIn"]
    one = await tenant.get(f"/v1/devices/{documented_agent.client_id}")
    assert_as_documented(one, f'{{"data": {DEVICE}}}')
    assert one.json()["data"] == device


async def test_a_device_never_seen_omits_what_it_never_reported(tenant: Tenant) -> None:
    org_id = await tenant.create_organization()
    token = await tenant.create_enrollment_token(org_id)
    bare = {"os": "Linux", "arch": "x86_64", "currentVersion": "1.0", "osVersion": None}
    client_id = (await post_enrollment(tenant.http, token, **bare)).json()["data"]["clientId"]
    for path in (f"/v1/devices/{client_id}", "/v1/devices"):
        body = (await tenant.get(path)).json()["data"]
        device = body[0] if isinstance(body, list) else body
        optional = {"osVersion", "lastSeen", "lastCheckIn", "checkInCount"}
        optional |= {"serialNumber", "assetId"}
        assert set(device) == set(json.loads(DEVICE)) - optional


async def test_a_device_shows_every_optional_field_it_reported(tenant: Tenant) -> None:
    extra = {"userName": "Ann", "userEmail": "ann@acme.com", "referrer": "mail"}
    rest = {"serialNumber": "S1", "assetId": "A1", "channel": "beta"}
    agent = await tenant.enroll(await tenant.create_organization(), **extra, **rest)
    await agent.check_in()
    device = await agent.read()
    assert set(device) == set(json.loads(DEVICE)) | set(extra)
    assert {**FACTS, **extra, **rest}.items() <= device.items()


async def test_deleting_a_device_answers_nothing(agent: Agent) -> None:
    path = f"/v1/devices/{agent.client_id.lower()}"
    answer = await agent.tenant.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for gone in (await agent.tenant.get(path), await agent.tenant.delete(path)):
        assert gone.status_code == 404
        assert gone.json() == {"error": "Not Found", "message": "Device not found"}


async def test_logs_are_answered_as_documented(documented_agent: Agent) -> None:
    payload = {"type": "network_check", "latency_ms": 12.5}
    await documented_agent.post_logs([{"severity": "INFO", "payload": payload}])
    path = f"/v1/devices/{documented_agent.client_id}/logs"
    answer = await documented_agent.tenant.get(path, params={"limit": 50})
    assert answer.status_code == 200
    body = answer.json()
    assert sorted_shape(body) == sorted_shape(json.loads(LOGS))
    assert body["meta"] == {"count": 1, "limit": 50}
    assert body["data"][0]["payload"]["clientId"] == documented_agent.client_id
    assert INSTANT.fullmatch(body["data"][0]["timestamp"])
    assert (await documented_agent.tenant.get(path)).json()["meta"]["limit"] == 100


async def test_health_is_answered_as_documented(http: httpx.AsyncClient) -> None:
    body = assert_as_documented(await http.get("/v1/health"), HEALTH)
    assert body["service"] == "partner-api"
    assert body["revision"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_pass(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("path", "key"), [("/v1/organizations", "orgId"), ("/v1/devices", "clientId")]
)
async def test_lists_show_100_rows_unless_asked(tenant: Tenant, path: str, key: str) -> None:
    org_id = await tenant.create_organization("Org 0")
    if key == "orgId":
        for number in range(1, 102):
            await tenant.create_organization(f"Org {number}")
    else:
        token = await tenant.create_enrollment_token(org_id)
        for _ in range(102):
            await post_enrollment(tenant.http, token)
    plain = await tenant.get(path)
    body = plain.json()
    assert len({row[key] for row in body["data"]}) == 100
    assert body["meta"]["total"] == 102
    assert "nextCursor" in body["meta"]
    whole = (await tenant.get(path, params={"limit": 1000})).json()
    assert len(whole["data"]) == 102
    assert set(whole["meta"]) == {"total"}


async def test_an_enrollment_token_is_answered_as_specified(
    tenant: Tenant, clock: StoppedClock
) -> None:
    org_id = await tenant.create_organization()
    path = f"/v1/organizations/{org_id}/enrollment-tokens"
    limited = await tenant.post(path, json={"expiresInSeconds": 60, "maxUses": 3})
    assert limited.status_code == 201
    data = limited.json()["data"]
    assert set(data) == {"id", "token", "orgId", "expiresAt", "maxUses", "uses"}
    assert (data["orgId"], data["maxUses"], data["uses"]) == (org_id, 3, 0)
    assert data["expiresAt"] == _wire(clock, seconds=60)
    assert limited.headers["Cache-Control"] == "no-store"
    for default in (await tenant.post(path, json={}), await tenant.post(path)):
        assert default.status_code == 201
        assert set(default.json()["data"]) == {"id", "token", "orgId", "expiresAt", "uses"}
        assert default.json()["data"]["expiresAt"] == _wire(clock, days=7)
    listed = (await tenant.get(path)).json()
    assert listed["meta"] == {"total": 3}
    assert all("token" not in row for row in listed["data"])
    assert data["id"] in {row["id"] for row in listed["data"]}


async def test_an_enrollment_is_answered_as_specified(tenant: Tenant) -> None:
    org_id = await tenant.create_organization()
    token = await tenant.create_enrollment_token(org_id)
    answer = await post_enrollment(tenant.http, token, clientId=str(uuid4()))
    assert answer.status_code == 201
    data = answer.json()["data"]
    keys = {"clientId", "mspId", "orgId", "deviceToken", "checkInIntervalSeconds"}
    assert set(data) == keys
    assert (data["mspId"], data["orgId"]) == (tenant.msp, org_id)
    assert data["deviceToken"].startswith("nwx_dt_")
    assert isinstance(data["checkInIntervalSeconds"], int)
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_check_in_is_answered_as_specified(agent: Agent) -> None:
    data = await agent.check_in()
    assert 192 <= data.pop("checkInIntervalSeconds") <= 240
    assert data.pop("lastSeen")
    assert data == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": [],
        "status": "healthy",
        "connectionState": "streaming",
    }


async def test_posted_logs_are_answered_as_specified(agent: Agent) -> None:
    lines = [{"severity": "INFO", "payload": {}}, {"severity": "LOUD", "payload": {}}]
    answer = await agent.post_logs(lines)
    assert answer.status_code == 202
    data = answer.json()["data"]
    assert data["accepted"] == 1
    (rejected,) = data["rejected"]
    assert set(rejected) == {"index", "message"}
    assert rejected["index"] == 1


def sorted_shape(value: Any) -> str:
    """The shape whatever the order of keys: a payload's is the device's own."""
    return json.dumps(shape(value), sort_keys=True)


async def add_member(
    owner: AsyncEngine, tenant: Tenant, clock: StoppedClock, email: str, picture: str | None
) -> None:
    async with tenant_session(owner, tenant.msp_id) as session:
        member = Member(email=email, name="A", picture=picture, provider="google")
        member.last_login_at = clock.now()
        session.add(member)
        await session.commit()


def _wire(clock: StoppedClock, **later: float) -> str:
    return (clock.now() + timedelta(**later)).strftime("%Y-%m-%dT%H:%M:%SZ")
