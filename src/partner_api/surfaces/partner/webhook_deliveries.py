"""What became of events on their way to a webhook, and how to have them once more."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from partner_api.surfaces.partner import webhook_mapping as mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.device_schemas import LogMeta
from partner_api.surfaces.partner.ids import delivery_position_in_path, webhook_id_in_path
from partner_api.surfaces.partner.openapi import refuses
from partner_api.surfaces.partner.paging import Cursor, LogLimit, link_next
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.webhook_schemas import (
    DeliveriesRead,
    DeliveryRead,
    ReplayCreate,
    ReplayRead,
)
from partner_api.tenancy.principal import Scope
from partner_api.webhooks import deliveries
from partner_api.webhooks.types import DeliveryStatus

router = partner_router("Webhooks")

_PATH = "/v1/webhooks/{webhookId}"

_NOT_ACTIVE = refuses(
    409, "It is disabled or suspended", "The webhook is suspended; resume it first"
)
_NOT_NOW = refuses(
    409,
    f"It is disabled or suspended, or {deliveries.MOST_REPLAYS} replays of it are under way",
    "The webhook is suspended; resume it first",
)


@router.get(
    _PATH + "/deliveries",
    summary="List a webhook's deliveries",
    response_model_exclude_none=True,
    **requires(Scope.FLEET_READ),
)
async def list_webhook_deliveries(
    call: CurrentCall,
    request: Request,
    response: Response,
    webhookId: str,
    status: Annotated[DeliveryStatus | None, Query(description="What became of them.")] = None,
    limit: LogLimit = 100,
    cursor: Cursor = None,
) -> DeliveriesRead:
    """Deliveries with all their attempts, newest event first; kept as long as the event."""
    webhook_id = webhook_id_in_path(webhookId)
    page = await call.services.deliveries.list(
        call.principal.msp_id, webhook_id, status, limit, cursor
    )
    link_next(request, response, page.next_cursor)
    shown = [mapping.delivery(view) for view in page.rows]
    return DeliveriesRead(
        data=shown, meta=LogMeta(count=len(shown), limit=limit, next_cursor=page.next_cursor)
    )


@router.post(
    _PATH + "/deliveries/{deliveryId}/redeliver",
    summary="Deliver an event once more",
    status_code=202,
    response_model_exclude_none=True,
    responses=_NOT_ACTIVE,
    **requires(Scope.ORGS_WRITE),
)
async def redeliver_webhook_delivery(
    call: CurrentCall,
    webhookId: str,
    deliveryId: str,
) -> DeliveryRead:
    """Post an event now that waits to be tried again, or once more when it has ended.

    Earlier events of the same device go first.
    """
    webhook_id, position = webhook_id_in_path(webhookId), delivery_position_in_path(deliveryId)
    await deliveries.redeliver(call.session, webhook_id, position, call.clock)
    await call.commit()
    view = await call.services.deliveries.get(call.principal.msp_id, webhook_id, position)
    return DeliveryRead(data=mapping.delivery(view))


@router.post(
    _PATH + "/replay",
    summary="Replay events to a webhook",
    status_code=202,
    responses=_NOT_NOW,
    **requires(Scope.ORGS_WRITE),
)
async def replay_to_webhook(
    call: CurrentCall,
    webhookId: str,
    body: ReplayCreate,
) -> ReplayRead:
    """Post the events between two instants that the webhook hears of, delivered before or not.

    As far as they are kept: check-ins for a day, all others for 30 days.
    """
    wanted = await deliveries.replay(
        call.session, webhook_id_in_path(webhookId), body.from_at, body.to_at, call.clock
    )
    return ReplayRead(data=mapping.replay(wanted))
