"""Which scope opens which operation."""

import httpx
import pytest

from partner_api.tenancy.principal import DOCUMENTED_SCOPES
from tests.factories.tenants import Agent
from tests.surfaces.partner.routes import INTEGRATORS, OPERATIONS, Operation

NEEDED = {
    "GET /v1/analytics/gateways": "analytics:read",
    "GET /v1/analytics/network-quality": "analytics:read",
    "DELETE /v1/devices/{clientId}": "orgs:write",
    "DELETE /v1/organizations/{orgId}": "orgs:write",
    "DELETE /v1/organizations/{orgId}/enrollment-tokens/{tokenId}": "orgs:write",
    "DELETE /v1/webhooks/{webhookId}": "orgs:write",
    "GET /v1/analytics/time-series": "analytics:read",
    "GET /v1/analytics/versions": "analytics:read",
    "GET /v1/credentials": None,
    "GET /v1/devices": "fleet:read",
    "GET /v1/devices/{clientId}": "fleet:read",
    "GET /v1/devices/{clientId}/availability": "fleet:read",
    "GET /v1/devices/{clientId}/logs": "fleet:read",
    "GET /v1/devices/{clientId}/network-history": "analytics:read",
    "GET /v1/devices/{clientId}/status-history": "fleet:read",
    "GET /v1/events": "fleet:read",
    "GET /v1/events/stream": "fleet:read",
    "GET /v1/msp/members": "fleet:read",
    "GET /v1/msp/settings": "fleet:read",
    "GET /v1/msp/{mspId}/stats": "fleet:read",
    "GET /v1/organizations": "orgs:read",
    "GET /v1/organizations/{orgId}": "orgs:read",
    "GET /v1/organizations/{orgId}/availability": "orgs:read",
    "GET /v1/organizations/{orgId}/enrollment-tokens": "orgs:read",
    "GET /v1/organizations/{orgId}/settings": "orgs:read",
    "GET /v1/webhooks": "fleet:read",
    "GET /v1/webhooks/{webhookId}": "fleet:read",
    "GET /v1/webhooks/{webhookId}/deliveries": "fleet:read",
    "PATCH /v1/devices/{clientId}": "orgs:write",
    "PATCH /v1/msp/settings": "orgs:write",
    "PATCH /v1/organizations/{orgId}": "orgs:write",
    "PATCH /v1/organizations/{orgId}/settings": "orgs:write",
    "PATCH /v1/webhooks/{webhookId}": "orgs:write",
    "POST /v1/check-ins": "orgs:write",
    "POST /v1/credentials/regenerate": None,
    "POST /v1/organizations": "orgs:write",
    "POST /v1/organizations/{orgId}/enrollment-tokens": "orgs:write",
    "POST /v1/webhooks": "orgs:write",
    "POST /v1/webhooks/{webhookId}/deliveries/{deliveryId}/redeliver": "orgs:write",
    "POST /v1/webhooks/{webhookId}/replay": "orgs:write",
    "POST /v1/webhooks/{webhookId}/resume": "orgs:write",
    "POST /v1/webhooks/{webhookId}/rotate-secret": "orgs:write",
    "POST /v1/webhooks/{webhookId}/test": "orgs:write",
}
WITHOUT_ACCESS_TOKEN = {
    "GET /livez",
    "GET /readyz",
    "GET /v1/health",
    "POST /oauth/token",
    "POST /v1/agent/check-ins",
    "POST /v1/agent/enroll",
    "POST /v1/agent/logs",
}


def test_every_operation_has_its_scope_written_down() -> None:
    assert {str(operation) for operation in INTEGRATORS} == set(NEEDED)
    assert {str(operation) for operation in OPERATIONS} - set(NEEDED) == WITHOUT_ACCESS_TOKEN


@pytest.mark.parametrize("operation", INTEGRATORS, ids=str)
async def test_an_operation_opens_to_its_scope_alone(standing: Agent, operation: Operation) -> None:
    needed = NEEDED[str(operation)]
    for scope in DOCUMENTED_SCOPES:
        answer = await _call_with_scope(standing, operation, scope)
        if needed in {None, scope}:
            assert answer.status_code not in {401, 403}, answer.text
        else:
            assert answer.status_code == 403
            assert answer.json()["error"] == "Forbidden"
            assert needed in answer.json()["message"]


async def _call_with_scope(standing: Agent, operation: Operation, scope: str) -> httpx.Response:
    tenant = standing.tenant
    regenerates = operation.path.endswith("regenerate")
    token = (await tenant.request_token(scope=scope)).json()["access_token"]
    # Whatever is deleted is nobody's, so that the fleet outlives the test.
    path = operation.path.replace("{mspId}", tenant.msp)
    path = path.replace("{orgId}", standing.org_id if operation.method == "GET" else "org_x")
    path = path.replace("{webhookId}", "x").replace("{deliveryId}", "x")
    path = path.replace("{clientId}", standing.client_id if operation.method == "GET" else "x")
    # Refused for its parameter, once it is allowed: what it answers otherwise never ends.
    path += "?after=x" if operation.path.endswith("/stream") else ""
    answer = await tenant.http.request(
        operation.method,
        path.replace("{tokenId}", "x"),
        headers={"Authorization": f"Bearer {token}"},
        json={} if operation.method in {"POST", "PATCH"} and not regenerates else None,
    )
    if regenerates and answer.is_success:
        tenant.client_secret = answer.json()["clientSecret"]
    return answer
