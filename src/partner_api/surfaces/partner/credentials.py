"""The caller's own credential."""

from datetime import timedelta
from typing import Annotated

from fastapi import Body
from starlette.responses import Response

from partner_api.identity.service import regenerate_secret, require_credential
from partner_api.surfaces.partner import mapping
from partner_api.surfaces.partner.auth import WITH_ANY_TOKEN
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.schemas import CredentialRead, SecretRead, SecretRegenerate

router = partner_router("Credentials")


@router.get(
    "/v1/credentials",
    summary="Get your credential",
    response_model_exclude_none=True,
    **WITH_ANY_TOKEN,
)
async def get_credential(call: CurrentCall) -> CredentialRead:
    """The credential the token was issued to, without its secret."""
    return mapping.credential(await require_credential(call.session, call.principal.credential_id))


@router.post("/v1/credentials/regenerate", summary="Replace the client secret", **WITH_ANY_TOKEN)
async def regenerate_credential_secret(
    call: CurrentCall,
    response: Response,
    body: Annotated[SecretRegenerate | None, Body()] = None,
) -> SecretRead:
    """Replace the client secret.

    The old one is dead at once, or when `overlapSeconds` have passed; tokens live to their end.
    """
    response.headers["Cache-Control"] = "no-store"
    overlap = timedelta(seconds=body.overlap_seconds if body else 0)
    new = await regenerate_secret(call.session, call.principal, overlap, call.clock)
    return SecretRead(
        client_id=new.client_id,
        client_secret=new.client_secret,
        message="Client secret regenerated. Store it securely - it won't be shown again.",
    )
