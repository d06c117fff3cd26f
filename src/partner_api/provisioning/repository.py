"""Queries on enrollment tokens."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select, update

from partner_api.kernel.ids import OrgId
from partner_api.provisioning.models import EnrollmentToken
from partner_api.tenancy.session import TenantSession


async def get_enrollment_token(session: TenantSession, token_id: UUID) -> EnrollmentToken | None:
    """One of the MSP's enrollment tokens."""
    return await session.get(EnrollmentToken, (session.msp_id, token_id))


async def list_enrollment_tokens(
    session: TenantSession, org_id: OrgId
) -> Sequence[EnrollmentToken]:
    """An organization's enrollment tokens, newest first."""
    newest_first = (
        select(EnrollmentToken)
        .where(EnrollmentToken.org_id == org_id)
        .order_by(EnrollmentToken.created_at.desc(), EnrollmentToken.token_id)
    )
    return (await session.scalars(newest_first)).all()


async def use_enrollment_token(session: TenantSession, token_id: UUID, now: datetime) -> bool:
    """Count one use; tells whether the token still had one."""
    token = EnrollmentToken
    used = await session.execute(
        update(token)
        .where(
            token.token_id == token_id,
            token.expires_at > now,
            or_(token.max_uses.is_(None), token.uses < token.max_uses),
        )
        .values(uses=token.uses + 1)
        .returning(token.token_id)
        .execution_options(synchronize_session=False)
    )
    return used.first() is not None


async def delete_enrollment_token(session: TenantSession, org_id: OrgId, token_id: UUID) -> bool:
    """Delete one of an organization's tokens; tells whether there was one."""
    deleted = await session.execute(
        delete(EnrollmentToken)
        .where(EnrollmentToken.org_id == org_id, EnrollmentToken.token_id == token_id)
        .returning(EnrollmentToken.token_id)
        .execution_options(synchronize_session=False)
    )
    return deleted.first() is not None
