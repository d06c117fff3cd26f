"""Enrollment tokens: made, listed, revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from partner_api.identity.secrets import TokenKind, new_keyed_token
from partner_api.kernel.clock import Clock
from partner_api.kernel.errors import NotFound
from partner_api.kernel.ids import OrgId, uuid7
from partner_api.organizations.service import require_organization
from partner_api.provisioning import repository
from partner_api.provisioning.models import EnrollmentToken
from partner_api.tenancy.session import TenantSession

DEFAULT_LIFETIME = timedelta(days=7)


@dataclass(frozen=True)
class NewEnrollmentToken:
    """A token at the one moment its text can be shown."""

    row: EnrollmentToken
    text: str


class EnrollmentTokenNotFound(NotFound):
    """No such token in that organization."""

    def __init__(self) -> None:
        super().__init__("Enrollment token not found")


async def create_enrollment_token(
    session: TenantSession, org_id: OrgId, lifetime: timedelta, max_uses: int | None, clock: Clock
) -> NewEnrollmentToken:
    """Permit devices to join one organization; OrganizationNotFound."""
    await require_organization(session, org_id)
    now = clock.now()
    token = new_keyed_token(TokenKind.ENROLLMENT, session.msp_id, uuid7(now))
    row = EnrollmentToken(
        token_id=token.row_id,
        org_id=org_id,
        token_hash=token.hash,
        expires_at=now + lifetime,
        max_uses=max_uses,
        uses=0,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    return NewEnrollmentToken(row, token.text)


async def list_enrollment_tokens(
    session: TenantSession, org_id: OrgId
) -> Sequence[EnrollmentToken]:
    """An organization's tokens, newest first; OrganizationNotFound."""
    await require_organization(session, org_id)
    return await repository.list_enrollment_tokens(session, org_id)


async def revoke_enrollment_token(session: TenantSession, org_id: OrgId, token_id: UUID) -> None:
    """Delete a token, so that nobody enrolls with it again; EnrollmentTokenNotFound."""
    if not await repository.delete_enrollment_token(session, org_id, token_id):
        raise EnrollmentTokenNotFound
