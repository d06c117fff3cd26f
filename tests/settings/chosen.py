"""Settings read, changed, and looked at where they are stored."""

from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.factories.tenants import Tenant

MSP = "/v1/msp/settings"
SERVER: dict[str, Any] = {
    "streamingSeconds": 300,
    "onlineSeconds": 3600,
    "criticalSeconds": 86400,
    "offlineEventSeconds": 3600,
    "checkInIntervalSeconds": 240,
    "retentionDays": {
        "logs": 30,
        "statusHistory": 400,
        "samples": 7,
        "minutes": 30,
        "hours": 400,
    },
    "networkQuality": {
        "goodLatencyMs": 100,
        "degradedLatencyMs": 300,
        "goodJitterMs": 30,
        "degradedJitterMs": 50,
        "goodPacketLossPct": 1,
        "degradedPacketLossPct": 10,
    },
}
"""What holds where nobody chose anything, as the document has it."""

InForce = tuple[int, int, int, int | None]

_IN_FORCE = """
    select org_id, streaming_seconds, online_seconds, critical_seconds, check_in_interval_seconds
      from organizations where msp_id = :msp_id"""
_PENDING = """
    select org_id, settings_changed_at from organizations
     where msp_id = :msp_id and settings_changed_at is not null"""
_STEPS = """
    select at, state_before, state_after, cause from device_transitions
     where msp_id = :msp_id and client_id = :client_id order by at"""


def of(org_id: str) -> str:
    return f"/v1/organizations/{org_id}/settings"


async def read(tenant: Tenant, path: str = MSP) -> dict[str, Any]:
    answer = await tenant.get(path)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def choose(tenant: Tenant, path: str = MSP, **change: Any) -> dict[str, Any]:
    """Change settings; the answer says what a read says."""
    answer = await tenant.patch(path, json=change)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    assert data == await read(tenant, path)
    return data


async def refusal(tenant: Tenant, path: str, body: Any) -> str:
    """The message of a change that is refused and changes nothing."""
    before = await read(tenant, path)
    answer: httpx.Response = await tenant.patch(path, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "Bad Request"
    assert await read(tenant, path) == before
    message: str = answer.json()["message"]
    return message


async def in_force(owner: AsyncEngine, tenant: Tenant) -> dict[str, InForce]:
    """What organizations' rows hold, by organization."""
    rows = await _rows(owner, _IN_FORCE, msp_id=tenant.msp_id)
    return {f"org_{row[0]}": (row[1], row[2], row[3], row[4]) for row in rows}


async def pending(owner: AsyncEngine, tenant: Tenant) -> dict[str, datetime]:
    """Since when organizations wait for their devices to follow."""
    rows = await _rows(owner, _PENDING, msp_id=tenant.msp_id)
    return {f"org_{row[0]}": row[1] for row in rows}


async def steps(owner: AsyncEngine, tenant: Tenant, client_id: str) -> list[tuple[Any, ...]]:
    """A device's recorded history: when, from which state to which, and why."""
    rows = await _rows(owner, _STEPS, msp_id=tenant.msp_id, client_id=UUID(client_id))
    return [tuple(row) for row in rows]


async def _rows(owner: AsyncEngine, statement: str, **values: object) -> list[Any]:
    async with owner.connect() as connection:
        return list(await connection.execute(text(statement), values))
