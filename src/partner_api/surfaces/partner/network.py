"""How networks fare: a device's over time, and percentiles of a fleet's."""

from collections.abc import Collection
from typing import Annotated, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from partner_api.ingest.samples import OWN_MEASURES
from partner_api.surfaces.partner import network_mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.ids import client_id_in_path
from partner_api.surfaces.partner.network_schemas import (
    GatewaysRead,
    MetricsText,
    NetworkHistoryMeta,
    NetworkHistoryRead,
    NetworkQualityRead,
)
from partner_api.surfaces.partner.paging import Cursor, ListLimit, link_next
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.wire import OrgIdText, Timestamp
from partner_api.telemetry.history import Wanted
from partner_api.telemetry.percentiles import QualityAsked
from partner_api.telemetry.resolutions import Resolution
from partner_api.telemetry.windows import WindowName
from partner_api.tenancy.principal import Scope

devices_router = partner_router("Devices")
analytics_router = partner_router("Analytics")

OrgId = Annotated[OrgIdText | None, Query(alias="orgId", description="One organization's.")]


@devices_router.get(
    "/v1/devices/{clientId}/network-history",
    summary="Get a device's network history",
    response_model_exclude_none=True,
    **requires(Scope.ANALYTICS_READ),
)
async def get_network_history(
    call: CurrentCall,
    clientId: str,
    since: Annotated[
        Timestamp | None,
        Query(
            alias="from",
            description="A day before `to` by default.",
            examples=["2026-02-24T00:00:00Z"],
        ),
    ] = None,
    until: Annotated[
        Timestamp | None,
        Query(
            alias="to", description="Now by default and at most.", examples=["2026-02-25T00:00:00Z"]
        ),
    ] = None,
    resolution: Annotated[
        Resolution | None,
        Query(
            description="By default the finest that is kept that long and gives at most 1,000 "
            "points; one that gives more is refused."
        ),
    ] = None,
    metrics: Annotated[
        MetricsText | None,
        Query(
            description="What to show, of `latencyMs`, `jitterMs`, `packetLossPct`, `wifiRssiDbm`, "
            "`gatewayResponseMs`, `hops`, and of the device's own metrics, with commas between; "
            "the first five by default, and hops of raw samples."
        ),
    ] = None,
) -> NetworkHistoryRead:
    """Samples, or their means by stretches of time.

    Samples are kept for 7 days, means by the minute for 30 and by the hour for 400, or as you
    chose.
    """
    wanted: Collection[str] | None = metrics
    history = await call.services.network_histories.get(
        call.principal.msp_id,
        client_id_in_path(clientId),
        Wanted(
            since,
            until,
            resolution,
            None if wanted is None else "hops" in wanted,
            sorted(set(wanted or ()) - set(OWN_MEASURES)),
        ),
    )
    return NetworkHistoryRead(
        data=[network_mapping.history_point(point, wanted) for point in history.points],
        meta=NetworkHistoryMeta(resolution=history.resolution),
    )


@analytics_router.get(
    "/v1/analytics/network-quality",
    summary="Get percentiles of latency, jitter and loss",
    response_model_exclude_none=True,
    **requires(Scope.ANALYTICS_READ),
)
async def get_network_quality(
    call: CurrentCall,
    request: Request,
    response: Response,
    window: Annotated[WindowName, Query(description="How far to look back.")] = WindowName.DAY,
    group_by: Annotated[
        Literal["org", "device"], Query(alias="groupBy", description="Whose figures.")
    ] = "org",
    org_id: OrgId = None,
    limit: ListLimit = 100,
    cursor: Cursor = None,
) -> NetworkQualityRead:
    """What devices measured, by organization or by device; off by 2 % at most.

    With `groupBy=device`, `limit` is 100 at most.
    Devices that never measured their network are left out.
    """
    by_device = group_by == "device"
    page = await call.services.network_percentiles.get(
        QualityAsked(call.principal.msp_id, by_device, window, org_id, limit, cursor)
    )
    link_next(request, response, page.groups.next_cursor)
    return network_mapping.quality_page(page, by_device=by_device)


@analytics_router.get(
    "/v1/analytics/gateways",
    summary="Count devices by the manufacturers of their gateways",
    response_model_exclude_none=True,
    **requires(Scope.ANALYTICS_READ),
)
async def get_gateways(call: CurrentCall, org_id: OrgId = None) -> GatewaysRead:
    """Whose routers devices stand behind, by the MAC addresses they reported."""
    counts = await call.services.gateways.count(call.principal.msp_id, org_id)
    return network_mapping.gateways(counts)
