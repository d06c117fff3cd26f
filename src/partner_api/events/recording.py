"""Events of what the API changes, written in the unit of work that changes it."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import insert

from partner_api.events.models import InboxEvent
from partner_api.events.types import EventType
from partner_api.kernel.ids import ClientId, OrgId
from partner_api.tenancy.session import TenantSession


async def record(
    session: TenantSession,
    event: EventType,
    happened_at: datetime,
    data: Mapping[str, object],
    *,
    org_id: OrgId | None = None,
    client_id: ClientId | None = None,
) -> None:
    """Write an event of the session's MSP; it is there when the session commits."""
    await session.execute(
        insert(InboxEvent)
        .inline()
        .values(
            msp_id=session.msp_id,
            type=event,
            happened_at=happened_at,
            org_id=org_id,
            client_id=client_id,
            data=dict(data),
        )
    )
