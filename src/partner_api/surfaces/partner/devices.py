"""Devices and their logs."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from partner_api.devices import service
from partner_api.devices.edits import edit_device
from partner_api.fleet.types import DeviceFilter, DeviceSort, Labels, SortOrder
from partner_api.kernel.ids import ClientId
from partner_api.logs.severity import parse_severity
from partner_api.logs.types import LogFilter
from partner_api.status.rules import Connection, Health
from partner_api.surfaces.partner import mapping
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.device_schemas import (
    DeviceRead,
    DevicesRead,
    DeviceUpdate,
    IncludeText,
    LogMeta,
    LogsRead,
    SearchText,
)
from partner_api.surfaces.partner.ids import client_id_in_path
from partner_api.surfaces.partner.paging import Cursor, ListLimit, LogLimit, link_next
from partner_api.surfaces.partner.routing import Call, CurrentCall, partner_router
from partner_api.surfaces.partner.schemas import PageMeta
from partner_api.surfaces.partner.wire import OrgIdText, Timestamp
from partner_api.telemetry.reports import Report
from partner_api.tenancy.principal import Scope

router = partner_router("Devices")

Include = Annotated[
    IncludeText | None,
    Query(
        description="`tags`, `attributes`, `status`, `network`, `interfaces`, `metrics`, or some "
        "of these with commas between: added to each device. `status` tells since when, why, and "
        "until when; the last three are what the device told.",
    ),
]


@router.get(
    "/v1/devices",
    summary="List devices",
    response_model_exclude_none=True,
    **requires(Scope.FLEET_READ),
)
async def list_devices(
    call: CurrentCall,
    request: Request,
    response: Response,
    org_id: Annotated[
        OrgIdText | None, Query(alias="orgId", description="One organization's.")
    ] = None,
    status: Annotated[Health | None, Query(description="How they fare.")] = None,
    connection_state: Annotated[
        Connection | None, Query(alias="connectionState", description="When they were seen.")
    ] = None,
    q: Annotated[
        SearchText | None,
        Query(
            description="Part of an asset id, serial number, user or e-mail.",
            examples=["ACME"],
        ),
    ] = None,
    sort_by: Annotated[
        DeviceSort, Query(alias="sortBy", description="What to sort by.")
    ] = DeviceSort.STATUS,
    sort_order: Annotated[
        SortOrder, Query(alias="sortOrder", description="Which end is first.")
    ] = SortOrder.ASCENDING,
    limit: ListLimit = 100,
    cursor: Cursor = None,
    include: Include = None,
) -> DevicesRead:
    """Devices that match every filter given."""
    wanted = DeviceFilter(org_id, status, connection_state, q or None)
    page = await call.services.devices.list(
        call.principal.msp_id,
        wanted,
        sort_by,
        sort_order,
        limit,
        cursor,
        explains=_explains(include),
    )
    link_next(request, response, page.next_cursor)
    keys = [view.client_id for view in page.rows]
    labels, reports = await _labels(call, keys, include), await _reports(call, keys, include)
    return DevicesRead(
        data=[
            mapping.device(view, labels.get(view.client_id), include, reports.get(view.client_id))
            for view in page.rows
        ],
        meta=PageMeta(total=page.total, next_cursor=page.next_cursor),
    )


@router.get(
    "/v1/devices/{clientId}",
    summary="Get a device",
    response_model_exclude_none=True,
    **requires(Scope.FLEET_READ),
)
async def get_device(
    call: CurrentCall,
    clientId: str,
    include: Include = None,
) -> DeviceRead:
    """One device."""
    return await _device(call, client_id_in_path(clientId), include)


@router.patch(
    "/v1/devices/{clientId}",
    summary="Edit a device",
    response_model_exclude_none=True,
    **requires(Scope.ORGS_WRITE),
)
async def update_device(
    call: CurrentCall,
    clientId: str,
    body: DeviceUpdate,
    include: Include = None,
) -> DeviceRead:
    """Move a device, say who uses it, tag it."""
    client_id = client_id_in_path(clientId)
    await edit_device(call.session, client_id, mapping.device_edit(body), call.clock)
    await call.commit()
    return await _device(call, client_id, include)


@router.delete(
    "/v1/devices/{clientId}",
    summary="Remove a device",
    status_code=204,
    **requires(Scope.ORGS_WRITE),
)
async def delete_device(call: CurrentCall, clientId: str) -> None:
    """Remove a device from tracking; its token is dead from then on."""
    await service.delete_device(call.session, client_id_in_path(clientId), call.clock)


@router.get(
    "/v1/devices/{clientId}/logs",
    summary="List a device's logs",
    response_model_exclude_none=True,
    **requires(Scope.FLEET_READ),
)
async def list_device_logs(
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
    level: Annotated[
        Literal["debug", "info", "warn", "error"] | None, Query(description="This severity only.")
    ] = None,
    limit: LogLimit = 100,
    cursor: Cursor = None,
) -> LogsRead:
    """What a device reported, newest first; kept for 30 days or the MSP's retention."""
    wanted = LogFilter(since, until, parse_severity(level) if level else None)
    client_id = client_id_in_path(clientId)
    page = await call.services.logs.list(call.principal.msp_id, client_id, wanted, limit, cursor)
    link_next(request, response, page.next_cursor)
    entries = [mapping.log_entry(view) for view in page.rows]
    return LogsRead(
        data=entries, meta=LogMeta(count=len(entries), limit=limit, next_cursor=page.next_cursor)
    )


async def _device(call: Call, client_id: ClientId, include: Collection[str] | None) -> DeviceRead:
    view = await call.services.devices.get(
        call.principal.msp_id, client_id, explains=_explains(include)
    )
    labels = await _labels(call, [client_id], include)
    reports = await _reports(call, [client_id], include)
    return DeviceRead(
        data=mapping.device(view, labels.get(client_id), include, reports.get(client_id))
    )


def _explains(include: Collection[str] | None) -> bool:
    return include is not None and "status" in include


async def _labels(
    call: Call, client_ids: Sequence[ClientId], include: Collection[str] | None
) -> Mapping[ClientId, Labels]:
    if not {"tags", "attributes"} & set(include or ()) or not client_ids:
        return {}
    return await call.services.devices.labels(call.principal.msp_id, client_ids)


async def _reports(
    call: Call, client_ids: Sequence[ClientId], include: Collection[str] | None
) -> Mapping[UUID, Report]:
    if not {"network", "interfaces", "metrics"} & set(include or ()) or not client_ids:
        return {}
    return await call.services.reports.read(call.principal.msp_id, client_ids)
