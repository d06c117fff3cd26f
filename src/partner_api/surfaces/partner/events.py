"""What happened in the fleet: read from the log, waited for, and as a stream."""

from typing import Annotated, Any

from fastapi import Header, Query
from pydantic import WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from partner_api.events.feed import WAITERS_EACH
from partner_api.events.log import EventFilter
from partner_api.events.types import EventType, format_event_id
from partner_api.kernel.ids import ClientId, OrgId
from partner_api.surfaces.partner import event_mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.event_following import (
    MEDIA_TYPE,
    EventStream,
    look,
    wait_for_events,
)
from partner_api.surfaces.partner.event_schemas import EventsMeta, EventsRead, EventTypes
from partner_api.surfaces.partner.openapi import refuses
from partner_api.surfaces.partner.paging import LogLimit, whole_number
from partner_api.surfaces.partner.routing import CurrentCall, WaitingRoute, partner_router
from partner_api.surfaces.partner.wire import ClientIdText, EventIdText, OrgIdText
from partner_api.tenancy.principal import Scope

LONGEST_WAIT = 30

router = partner_router("Events", WaitingRoute)

Types = Annotated[
    EventTypes,
    Query(
        description="These types only; with commas between, or given several times. Check-ins are "
        "recorded while somebody asks for `device.checkin` by name here.",
        examples=[["device.offline", "device.online"]],
    ),
]
OfOrganization = Annotated[
    OrgIdText | None, Query(alias="orgId", description="One organization's.")
]
OfDevice = Annotated[ClientIdText | None, Query(alias="clientId", description="One device's.")]
Wait = Annotated[
    int,
    whole_number(LONGEST_WAIT, least=0),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT}),
    Query(description="Seconds to wait for an event when there is none."),
]

_TOO_MANY = refuses(
    429,
    f"{WAITERS_EACH} requests or more wait for your events already",
    f"{WAITERS_EACH} requests wait for your events already; let one of them end first",
)
_EXAMPLE = """\
id: evt_0000000000000042
event: org.created
data: {"id":"evt_0000000000000042","type":"org.created","timestamp":"2026-02-24T11:55:00Z",…}

"""
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events, until the connection or the token ends",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}


@router.get(
    "/v1/events",
    summary="List events",
    response_model_exclude_none=True,
    responses=_TOO_MANY,
    **requires(Scope.FLEET_READ),
)
async def list_events(
    call: CurrentCall,
    request: Request,
    after: Annotated[
        EventIdText | None,
        Query(description="What follows this id; by default from the oldest that is kept."),
    ] = None,
    types: Types = None,
    org_id: OfOrganization = None,
    client_id: OfDevice = None,
    limit: LogLimit = 100,
    wait: Wait = 0,
) -> EventsRead:
    """What happened, in the order of your log; kept for 30 days, check-ins for one.

    Send `meta.lastId` as `after` to go on: so nothing is missed and nothing comes twice. A page
    that is not full need not be the last one.
    """
    wanted = _filter(types, org_id, client_id)
    if wait:
        found = await wait_for_events(call, request, wanted, after or 0, limit, wait)
    else:
        found = await look(call, wanted, after or 0, limit)
    last = found.events[-1].position if found.events else found.looked_to
    return EventsRead(
        data=[event_mapping.event(each) for each in found.events],
        meta=EventsMeta(
            count=len(found.events), limit=limit, last_id=format_event_id(last) if last else None
        ),
    )


@router.get(
    "/v1/events/stream",
    summary="Stream events",
    response_class=Response,
    response_model=None,
    responses=_STREAM | _TOO_MANY,
    **requires(Scope.FLEET_READ),
)
async def stream_events(
    call: CurrentCall,
    request: Request,
    after: Annotated[
        EventIdText | None, Query(description="What follows this id; by default from now on.")
    ] = None,
    types: Types = None,
    org_id: OfOrganization = None,
    client_id: OfDevice = None,
    last_event_id: Annotated[
        EventIdText | None,
        Header(
            alias="Last-Event-ID",
            description="As `after`, which it outdoes: browsers send it when they come back.",
        ),
    ] = None,
) -> Response:
    """What happens, as it happens: `id`, `event` (its type) and `data` (the event, in one line).

    Ends with the token, and when this server does; come back with the last id you have seen.
    """
    wanted = _filter(types, org_id, client_id)
    start = last_event_id if last_event_id is not None else after
    if start is None:
        start = await call.services.events.end(call.principal.msp_id)
    return EventStream(call, request, wanted, start)


def _filter(
    types: list[EventType] | None, org_id: OrgId | None, client_id: ClientId | None
) -> EventFilter:
    return EventFilter(None if types is None else frozenset(types), org_id, client_id)
