"""Pure functions from what devices measured to what travels."""

from collections.abc import Collection, Mapping, Sequence

from partner_api.ingest.samples import OWN_MEASURES
from partner_api.kernel.ids import format_client_id, format_org_id
from partner_api.surfaces.partner import network_schemas as schemas
from partner_api.telemetry.details import Details
from partner_api.telemetry.gateways import GatewayCount
from partner_api.telemetry.history import HistoryPoint
from partner_api.telemetry.manufacturers import packaged_table
from partner_api.telemetry.percentiles import GroupPercentiles, Percentiles, QualityPage
from partner_api.telemetry.types import Hop

_DIGITS = 3
_NAMES = {
    "latency": "latencyMs",
    "jitter": "jitterMs",
    "loss": "packetLossPct",
    "wifi_rssi": "wifiRssiDbm",
    "gateway_response": "gatewayResponseMs",
}


def history_point(
    point: HistoryPoint, wanted: Collection[str] | None
) -> schemas.NetworkHistoryPoint:
    """A moment or a stretch, with what is wanted of it."""
    shown = OWN_MEASURES if wanted is None else wanted
    values = {name: _rounded(point.values[key]) for key, name in _NAMES.items() if name in shown}
    details = point.details or Details()
    return schemas.NetworkHistoryPoint(
        timestamp=point.at,
        latency_ms=values.get("latencyMs"),
        jitter_ms=values.get("jitterMs"),
        packet_loss_pct=values.get("packetLossPct"),
        wifi_rssi_dbm=values.get("wifiRssiDbm"),
        gateway_response_ms=values.get("gatewayResponseMs"),
        hops=[_hop(hop) for hop in details.hops] or None,
        metrics=details.metrics or None,
    )


def quality_page(page: QualityPage, *, by_device: bool) -> schemas.NetworkQualityRead:
    """A page of percentiles."""
    window = page.window
    return schemas.NetworkQualityRead(
        data=[_group(each) for each in page.groups.rows],
        meta=schemas.QualityMeta(
            total=page.groups.total,
            next_cursor=page.groups.next_cursor,
            window=window.name,
            group_by="device" if by_device else "org",
            since=window.since,
            until=window.until,
            all=schemas.QualityPercentiles(**_measures(page.all)),
        ),
    )


def gateways(counts: Sequence[GatewayCount]) -> schemas.GatewaysRead:
    """Devices by manufacturer."""
    return schemas.GatewaysRead(
        data=[
            schemas.GatewayCount(
                manufacturer=each.manufacturer, kind=each.kind, devices=each.devices
            )
            for each in counts
        ],
        meta=schemas.GatewaysMeta(
            total=sum(each.devices for each in counts), registry_date=packaged_table().date
        ),
    )


def _group(group: GroupPercentiles) -> schemas.QualityGroup:
    client_id = group.client_id
    return schemas.QualityGroup(
        org_id=format_org_id(group.org_id),
        name=group.name,
        client_id=None if client_id is None else format_client_id(client_id),
        **_measures(group.measures),
    )


def _measures(measures: Mapping[str, Percentiles]) -> dict[str, schemas.Percentiles]:
    return {
        "latency_ms": _percentiles(measures["latency"]),
        "jitter_ms": _percentiles(measures["jitter"]),
        "packet_loss_pct": _percentiles(measures["loss"]),
    }


def _percentiles(found: Percentiles) -> schemas.Percentiles:
    p50, p95, p99 = (_rounded(value) for value in found.values)
    return schemas.Percentiles(samples=found.samples, p50=p50, p95=p95, p99=p99)


def _hop(hop: Hop) -> schemas.HopRead:
    return schemas.HopRead(
        ttl=hop.ttl,
        ip=hop.ip,
        latency_ms=_rounded(hop.latency_ms),
        loss_pct=_rounded(hop.loss_pct),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
