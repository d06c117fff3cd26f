"""A log that a test fills."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from partner_api.events.numbering import Numberer
from partner_api.kernel.clock import Clock
from tests.factories.tenants import Tenant

WRITE = """
    insert into event_inbox (msp_id, type, happened_at, org_id, client_id, data)
    values ($1, $2, $3, $4, $5, $6)"""
DEVICE = {
    "orgId": str(uuid4()),
    "currentVersion": "1.0.5.42",
    "os": "macOS",
    "arch": "arm64",
    "channel": "stable",
    "checkInCount": 0,
    "state": 0,
}


@dataclass
class Log:
    """Every MSP's."""

    writing: asyncpg.Connection
    numberer: Numberer
    clock: Clock

    async def write(
        self,
        tenant: Tenant,
        *types: str,
        org_id: UUID | None = None,
        client_id: UUID | None = None,
        **facts: object,
    ) -> None:
        """One event of each type, all of one device."""
        org_id, client_id = org_id or uuid4(), client_id or uuid4()
        data = json.dumps({"device": {**DEVICE, "orgId": str(org_id), **facts}})
        at = self.clock.now()
        rows = [(tenant.msp_id, each, at, org_id, client_id, data) for each in types]
        await self.writing.executemany(WRITE, rows)

    async def number(self) -> None:
        """Give every event that was committed its place."""
        while await self.numberer.number():
            """There may be more than one turn's worth."""

    async def add(self, tenant: Tenant, *types: str, **about: Any) -> None:
        """Write and number."""
        await self.write(tenant, *types, **about)
        await self.number()


async def read(tenant: Tenant, **query: Any) -> dict[str, Any]:
    """A page of the tenant's log."""
    answer = await tenant.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def follow(tenant: Tenant, after: str | None, **query: Any) -> Sequence[dict[str, Any]]:
    """Everything that follows an id, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = await read(tenant, **query, **({"after": after} if after else {}))
        found += page["data"]
        last = page["meta"].get("lastId")
        if last in {after, None}:
            return found
        after = last


async def last_id(tenant: Tenant) -> str:
    """Where the tenant's log ends."""
    events = await follow(tenant, None, limit=500)
    found: str = events[-1]["id"]
    return found
