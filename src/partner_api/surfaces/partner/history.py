"""What devices went through: their steps, and the time spent in each state."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from partner_api.history.types import StepFilter
from partner_api.surfaces.partner import history_mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.history_schemas import AvailabilityRead, StatusStepsRead
from partner_api.surfaces.partner.ids import client_id_in_path, org_id_in_path
from partner_api.surfaces.partner.paging import Cursor, ListLimit, link_next
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.schemas import PageMeta
from partner_api.surfaces.partner.wire import Timestamp
from partner_api.tenancy.principal import Scope

devices_router = partner_router("Devices")
organizations_router = partner_router("Organizations")

Since = Annotated[
    Timestamp | None,
    Query(
        alias="from", description="A day before `to` by default.", examples=["2026-02-24T00:00:00Z"]
    ),
]
Until = Annotated[
    Timestamp | None,
    Query(alias="to", description="Now by default and at most.", examples=["2026-02-25T00:00:00Z"]),
]


@devices_router.get(
    "/v1/devices/{clientId}/status-history",
    summary="List a device's changes of state",
    response_model_exclude_none=True,
    **requires(Scope.FLEET_READ),
)
async def list_status_history(
    call: CurrentCall,
    request: Request,
    response: Response,
    clientId: str,
    since: Annotated[
        Timestamp | None,
        Query(alias="from", description="Included.", examples=["2026-02-24T00:00:00Z"]),
    ] = None,
    until: Annotated[
        Timestamp | None,
        Query(alias="to", description="Included.", examples=["2026-02-28T00:00:00Z"]),
    ] = None,
    limit: ListLimit = 100,
    cursor: Cursor = None,
) -> StatusStepsRead:
    """When a device's state changed, and why, newest first; kept for 400 days, or as you chose.

    A device that was deleted and enrolled again shows both of its lives.
    """
    page = await call.services.history.list(
        call.principal.msp_id, client_id_in_path(clientId), StepFilter(since, until), limit, cursor
    )
    link_next(request, response, page.next_cursor)
    return StatusStepsRead(
        data=[history_mapping.status_step(step) for step in page.rows],
        meta=PageMeta(total=page.total, next_cursor=page.next_cursor),
    )


@devices_router.get(
    "/v1/devices/{clientId}/availability",
    summary="Get a device's availability",
    **requires(Scope.FLEET_READ),
)
async def get_device_availability(
    call: CurrentCall,
    clientId: str,
    since: Since = None,
    until: Until = None,
) -> AvailabilityRead:
    """How long a device was in each state, while it was enrolled."""
    found = await call.services.history.device_availability(
        call.principal.msp_id, client_id_in_path(clientId), since, until
    )
    return AvailabilityRead(data=history_mapping.availability(found))


@organizations_router.get(
    "/v1/organizations/{orgId}/availability",
    summary="Get an organization's availability",
    **requires(Scope.ORGS_READ),
)
async def get_organization_availability(
    call: CurrentCall,
    orgId: str,
    since: Since = None,
    until: Until = None,
) -> AvailabilityRead:
    """How long an organization's devices were in each state, in sum.

    A device counts while it belonged there: from its enrollment or its coming until it moved away
    or was deleted.
    """
    found = await call.services.history.organization_availability(
        call.principal.msp_id, org_id_in_path(orgId), since, until
    )
    return AvailabilityRead(data=history_mapping.availability(found))
