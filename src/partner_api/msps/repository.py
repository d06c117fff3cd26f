"""Queries on MSPs and members."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from partner_api.kernel.ids import MspId
from partner_api.msps.models import Member, Msp
from partner_api.tenancy.session import TenantSession


async def list_members(session: TenantSession) -> Sequence[Member]:
    """The MSP's members by e-mail address."""
    return (await session.scalars(select(Member).order_by(Member.email))).all()


async def list_msps(owner: AsyncConnection) -> Sequence[tuple[MspId, str]]:
    """Every MSP's id and name, oldest first; the operator's view."""
    rows = await owner.execute(select(Msp.msp_id, Msp.name).order_by(Msp.created_at, Msp.msp_id))
    return [(MspId(row.msp_id), row.name) for row in rows]


async def get_msp(session: TenantSession) -> Msp | None:
    """The session's own MSP."""
    return await session.get(Msp, session.msp_id)
