"""What the database holds of a device, and hands that change it as the server's own would."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from partner_api.kernel.ids import OrgId, parse_client_id, parse_org_id
from partner_api.tenancy.session import tenant_session
from tests.factories.tenants import Agent, Tenant


@dataclass(frozen=True)
class Step:
    """A row of a device's history."""

    at: datetime
    before: int | None
    after: int | None
    cause: str


async def stored(owner: AsyncEngine, agent: Agent) -> dict[str, Any]:
    """The device's row."""
    async with owner.connect() as connection:
        row = (await connection.execute(_DEVICE, _key(agent))).one()
    return dict(row._mapping)


async def history(owner: AsyncEngine, agent: Agent) -> Sequence[Step]:
    """The device's steps, oldest first."""
    async with owner.connect() as connection:
        rows = await connection.execute(_HISTORY, _key(agent))
    return [Step(*row) for row in rows]


async def change_thresholds(
    owner: AsyncEngine, tenant: Tenant, org_id: str, now: datetime, *seconds: int
) -> None:
    """Give an organization other thresholds, as a PATCH of its settings leaves them."""
    names = ("streaming", "online", "critical")
    values = dict(zip(names, seconds, strict=True))
    async with tenant_session(owner, tenant.msp_id) as session:
        await session.execute(_SETTINGS, {"org_id": uuid_of(org_id), "now": now, **values})
        await session.commit()


def uuid_of(org_id: str) -> OrgId:
    """An organization's id as the database keeps it."""
    parsed = parse_org_id(org_id)
    assert parsed is not None
    return parsed


def _key(agent: Agent) -> dict[str, object]:
    return {"msp_id": agent.tenant.msp_id, "client_id": parse_client_id(agent.client_id)}


_DEVICE = text("select * from devices where msp_id = :msp_id and client_id = :client_id")
_HISTORY = text(
    "select at, state_before, state_after, cause from device_transitions "
    "where msp_id = :msp_id and client_id = :client_id order by at"
)
_SETTINGS = text(
    "update organizations set streaming_seconds = :streaming, online_seconds = :online, "
    "critical_seconds = :critical, settings_changed_at = :now where org_id = :org_id"
)
