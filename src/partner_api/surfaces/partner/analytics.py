"""A fleet in figures."""

from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response

from partner_api.surfaces.partner import analytics_mapping
from partner_api.surfaces.partner.analytics_schemas import SeriesRead, VersionsRead
from partner_api.surfaces.partner.auth import requires
from partner_api.surfaces.partner.routing import CurrentCall, partner_router
from partner_api.surfaces.partner.wire import OrgIdText
from partner_api.telemetry.charts import line_chart
from partner_api.telemetry.series import Metric
from partner_api.telemetry.windows import WindowName
from partner_api.tenancy.principal import Scope

SVG = "image/svg+xml"

router = partner_router("Analytics")

OfOrganization = Annotated[
    OrgIdText | None, Query(alias="orgId", description="One organization's; all by default.")
]


@router.get(
    "/v1/analytics/versions",
    summary="Count devices by version",
    **requires(Scope.ANALYTICS_READ),
)
async def count_versions(call: CurrentCall, org_id: OfOrganization = None) -> VersionsRead:
    """Devices by version, operating system, architecture and channel; each adds up to the total."""
    found = await call.services.analytics.makeup(call.principal.msp_id, org_id)
    return analytics_mapping.versions(found)


@router.get(
    "/v1/analytics/time-series",
    summary="Get a series over time",
    response_model=SeriesRead,
    response_model_exclude_none=True,
    responses={200: {"content": {SVG: {"schema": {"type": "string", "examples": ["<svg …"]}}}}},
    **requires(Scope.ANALYTICS_READ),
)
async def get_time_series(
    call: CurrentCall,
    metric: Annotated[
        Metric,
        Query(
            description="`health` and `connectivity` count the devices in each state at the end of "
            "a bucket, `check-ins` what was observed within it; the others are percentiles (`p50`, "
            "`p95`, `p99`; absent where nothing was measured), in milliseconds and percent."
        ),
    ] = Metric.HEALTH,
    window: Annotated[
        WindowName,
        Query(
            description="How far back: an hour in buckets of 5 minutes, a day in buckets of 15, a "
            "week by the hour, 30 days by the day."
        ),
    ] = WindowName.DAY,
    org_id: OfOrganization = None,
    form: Annotated[
        Literal["json", "svg"],
        Query(alias="format", description="`svg`: a chart, for tickets and mails."),
    ] = "json",
) -> SeriesRead | Response:
    """A bucket begins at a multiple of its length since 1970, in UTC.

    All that overlap the window are there, those without anything and the running one included.
    """
    found = await call.services.analytics.series(call.principal.msp_id, org_id, metric, window)
    if form == "svg":
        return Response(line_chart(analytics_mapping.chart(found)), media_type=SVG)
    return analytics_mapping.series(found)
