"""Queries on credentials."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from partner_api.identity.models import Credential
from partner_api.tenancy.session import TenantSession

USE_IS_NOTED_EVERY = timedelta(seconds=1)


async def get_credential(session: TenantSession, client_id: str) -> Credential | None:
    """One of the MSP's credentials."""
    return await session.get(Credential, (session.msp_id, client_id))


async def list_credentials(session: TenantSession) -> Sequence[Credential]:
    """The MSP's credentials, oldest first."""
    by_age = select(Credential).order_by(Credential.created_at, Credential.client_id)
    return (await session.scalars(by_age)).all()


async def touch_credential(session: TenantSession, client_id: str, now: datetime) -> None:
    """Note a token's issue, if none was noted lately: a busy client must not fight over one row."""
    await session.execute(
        update(Credential)
        .where(
            Credential.client_id == client_id,
            or_(
                Credential.last_used_at.is_(None),
                Credential.last_used_at <= now - USE_IS_NOTED_EVERY,
            ),
        )
        .values(last_used_at=now)
        .execution_options(synchronize_session=False)
    )
