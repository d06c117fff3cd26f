"""Permissions to enroll devices into an organization."""

from datetime import timedelta
from typing import Annotated

from fastapi import Body
from starlette.responses import Response

from partner_api.kernel.ids import parse_uuid
from partner_api.provisioning import tokens
from partner_api.surfaces.partner import mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.ids import org_id_in_path
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.schemas import (
    EnrollmentTokenCreate,
    EnrollmentTokenCreatedRead,
    EnrollmentTokensRead,
    Total,
)
from partner_api.tenancy.principal import Scope

router = partner_router("Enrollment tokens")

_PATH = "/v1/organizations/{orgId}/enrollment-tokens"


@router.post(
    _PATH,
    summary="Create an enrollment token",
    status_code=201,
    response_model_exclude_none=True,
    **requires(Scope.ORGS_WRITE),
)
async def create_enrollment_token(
    call: CurrentCall,
    response: Response,
    orgId: str,
    body: Annotated[EnrollmentTokenCreate | None, Body()] = None,
) -> EnrollmentTokenCreatedRead:
    """Create a token that devices of this organization enroll with. It is shown this once."""
    response.headers["Cache-Control"] = "no-store"
    body = body or EnrollmentTokenCreate()
    new = await tokens.create_enrollment_token(
        call.session,
        org_id_in_path(orgId),
        timedelta(seconds=body.expires_in_seconds),
        body.max_uses,
        call.clock,
    )
    return EnrollmentTokenCreatedRead(data=mapping.new_enrollment_token(new))


@router.get(
    _PATH,
    summary="List enrollment tokens",
    response_model_exclude_none=True,
    **requires(Scope.ORGS_READ),
)
async def list_enrollment_tokens(
    call: CurrentCall,
    orgId: str,
) -> EnrollmentTokensRead:
    """The organization's enrollment tokens, newest first, without their text."""
    rows = await tokens.list_enrollment_tokens(call.session, org_id_in_path(orgId))
    return EnrollmentTokensRead(
        data=[mapping.enrollment_token(row) for row in rows], meta=Total(total=len(rows))
    )


@router.delete(
    _PATH + "/{tokenId}",
    summary="Revoke an enrollment token",
    status_code=204,
    **requires(Scope.ORGS_WRITE),
)
async def revoke_enrollment_token(
    call: CurrentCall,
    orgId: str,
    tokenId: str,
) -> None:
    """Revoke a token; devices that enrolled with it stay."""
    token_id = parse_uuid(tokenId)
    if token_id is None:
        raise tokens.EnrollmentTokenNotFound
    await tokens.revoke_enrollment_token(call.session, org_id_in_path(orgId), token_id)
