"""What devices measured, as it travels over the wire."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from partner_api.ingest.samples import LONGEST_MS, MOST_NAMED, NAME, OWN_MEASURES
from partner_api.surfaces.partner.schemas import Count, PageMeta
from partner_api.surfaces.partner.wire import ClientIdRead, OrgIdRead, Timestamp, Wire
from partner_api.telemetry.manufacturers.table import Kind
from partner_api.telemetry.resolutions import Resolution
from partner_api.telemetry.windows import WindowName

_NAMES = re.compile(f"{NAME}(,{NAME})*")


def _metrics(value: object) -> object:
    if not isinstance(value, str) or not _NAMES.fullmatch(value) or value.count(",") >= MOST_NAMED:
        raise ValueError(
            f"must be some of {', '.join(OWN_MEASURES)} or of the device's own metrics, "
            f"{MOST_NAMED} at most, with commas between"
        )
    return frozenset(value.split(","))


MetricsText = Annotated[
    Any,
    BeforeValidator(_metrics),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{NAME}(,{NAME}){{0,{MOST_NAMED - 1}}}$",
            "examples": ["latencyMs,hops"],
        }
    ),
]
Milliseconds = Annotated[float | None, Field(ge=0, le=LONGEST_MS)]
Percent = Annotated[float | None, Field(ge=0, le=100)]


class HopRead(Wire):
    """One router on the way."""

    ttl: int = Field(ge=1, le=255, examples=[1])
    ip: str | None = Field(None, examples=["192.0.2.1"])
    latency_ms: Milliseconds = Field(None, examples=[1.25])
    loss_pct: Percent = Field(None, examples=[0])


class NetworkHistoryPoint(Wire):
    """A sample, or the means of a stretch that begins at `timestamp`.

    What was not measured is left out.
    """

    timestamp: Timestamp
    latency_ms: Milliseconds = Field(None, examples=[18.4])
    jitter_ms: Milliseconds = Field(None, examples=[2.1])
    packet_loss_pct: Percent = Field(None, examples=[0])
    wifi_rssi_dbm: float | None = Field(None, examples=[-58])
    gateway_response_ms: Milliseconds = Field(None, examples=[1.9])
    hops: list[HopRead] | None = Field(
        None, description="With raw samples, or when they are asked for; kept for 30 days."
    )
    metrics: dict[str, float] | None = Field(
        None, description="Those that were asked for by name; kept for 30 days."
    )


class NetworkHistoryMeta(Wire):
    """How finely the points are shown."""

    resolution: Resolution


class NetworkHistoryRead(Wire):
    """A device's network over time, oldest first."""

    data: list[NetworkHistoryPoint]
    meta: NetworkHistoryMeta


class Percentiles(Wire):
    """Of one measure; absent where nobody measured it."""

    samples: Count = Field(examples=[14400])
    p50: float | None = Field(None, ge=0, examples=[18.4])
    p95: float | None = Field(None, ge=0, examples=[42.7])
    p99: float | None = Field(None, ge=0, examples=[88.1])


class QualityPercentiles(Wire):
    """What devices measured."""

    latency_ms: Percentiles
    jitter_ms: Percentiles
    packet_loss_pct: Percentiles


class QualityGroup(QualityPercentiles):
    """What an organization's devices measured, or one device."""

    org_id: OrgIdRead
    name: str | None = Field(None, description="An organization's.", examples=["Acme Corp"])
    client_id: ClientIdRead | None = Field(None, description="With `groupBy=device`.")


class QualityMeta(PageMeta):
    """What the figures are of."""

    window: WindowName
    group_by: Literal["org", "device"]
    since: Timestamp = Field(
        serialization_alias="from",
        description="When the first stretch begins that is in them: 5 minutes with `1h`, "
        "an hour with `24h`, a day with the others.",
    )
    until: Timestamp = Field(serialization_alias="to")
    all: QualityPercentiles = Field(description="Of all groups, on this page or not.")


class NetworkQualityRead(Wire):
    """A page of percentiles."""

    data: list[QualityGroup]
    meta: QualityMeta


class GatewayCount(Wire):
    """Devices behind gateways of one manufacturer, or of none that is known."""

    manufacturer: str | None = Field(None, examples=["Ubiquiti Inc"])
    kind: Kind = Field(
        description="`unknown`: nobody was assigned the address; `locallyAdministered`: whoever "
        "runs the gateway set it."
    )
    devices: Count = Field(examples=[12])


class GatewaysMeta(Wire):
    """What the figures are of."""

    total: Count = Field(description="Devices that told of their gateway.", examples=[25])
    registry_date: date = Field(
        description="Of the list of manufacturers.", examples=["2026-08-26"]
    )


class GatewaysRead(Wire):
    """Devices by the manufacturers of their gateways, most first."""

    data: list[GatewayCount]
    meta: GatewaysMeta
