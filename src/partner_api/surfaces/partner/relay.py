"""Check-ins that integrators pass on for their devices."""

from starlette.requests import Request

from partner_api.ingest.parse import parse_relay
from partner_api.surfaces.partner import agent_schemas as schemas
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.openapi import json_body
from partner_api.surfaces.partner.routing import CurrentCall, partner_router, require_json
from partner_api.tenancy.principal import Scope

router = partner_router("Relay")

PATH = "/v1/check-ins"

_ACCESS = requires(Scope.ORGS_WRITE)["openapi_extra"]


@router.post(
    PATH,
    summary="Relay check-ins",
    response_model_exclude_none=True,
    openapi_extra=_ACCESS | json_body("RelayedCheckInList"),
)
async def relay_check_ins(call: CurrentCall, request: Request) -> schemas.RelayRead:
    """Pass on up to 1,000 check-ins of the MSP's devices; one bad item spoils no other.

    An unknown device is registered when its first item has `orgId`, `os`, `arch` and
    `currentVersion`. A known one stays where it is, whatever `orgId` says.
    """
    require_json(request)
    # Parsed item by item, so that the others are taken when one is wrong.
    parsed = parse_relay(await request.body(), call.clock.now())
    outcome = await call.services.relay.take(call.principal.msp_id, parsed.items)
    rejected = sorted([*parsed.rejected, *outcome.rejected], key=lambda item: item.index)
    return schemas.RelayRead(
        data=schemas.RelayResult(
            accepted=outcome.accepted,
            duplicates=outcome.duplicates,
            rejected=[
                schemas.RelayRejection(
                    index=item.index, client_id=item.client_id, message=item.message
                )
                for item in rejected
            ],
        )
    )
