"""Webhooks as integrators make them."""

from typing import Any

from tests.factories.tenants import Tenant

# An address needs no name server; nothing is ever sent there.
URL = "https://93.184.215.14/partner"
WEBHOOKS = "/v1/webhooks"


async def create_webhook(tenant: Tenant, **body: Any) -> dict[str, Any]:
    """A webhook with its secret."""
    answer = await tenant.post(WEBHOOKS, json={"url": URL, "events": ["device.online"], **body})
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def read_webhook(tenant: Tenant, webhook_id: str) -> dict[str, Any]:
    answer = await tenant.get(f"{WEBHOOKS}/{webhook_id}")
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data
