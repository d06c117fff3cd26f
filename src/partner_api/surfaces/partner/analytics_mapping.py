"""Pure functions from figures to what travels."""

from datetime import timedelta

from partner_api.surfaces.partner import analytics_schemas as schemas
from partner_api.surfaces.partner.schemas import Total
from partner_api.telemetry.charts import Chart
from partner_api.telemetry.makeup import Makeup
from partner_api.telemetry.series import Metric, Series, Values


def versions(found: Makeup) -> schemas.VersionsRead:
    """What a fleet is made of."""
    data = schemas.Versions(
        versions=[
            schemas.VersionShare(version=each.name, count=each.count, current=each.current)
            for each in found.versions
        ],
        os=[
            schemas.SystemShare(os=each.name, count=each.count, current=each.current)
            for each in found.systems
        ],
        architectures=[
            schemas.ArchitectureShare(arch=each.name, count=each.count, current=each.current)
            for each in found.architectures
        ],
        channels=[
            schemas.ChannelShare(channel=each.name, count=each.count, current=each.current)
            for each in found.channels
        ],
    )
    return schemas.VersionsRead(data=data, meta=Total(total=found.total))


_TITLES = {
    Metric.HEALTH: ("Devices by health", "devices"),
    Metric.CONNECTIVITY: ("Devices by connection", "devices"),
    Metric.CHECK_INS: ("Check-ins", "check-ins"),
    Metric.LATENCY: ("Latency", "ms"),
    Metric.JITTER: ("Jitter", "ms"),
    Metric.PACKET_LOSS: ("Packet loss", "%"),
}
_DIGITS = 3


def chart(found: Series) -> Chart:
    """A series to be drawn."""
    title, unit = _TITLES[found.metric]
    return Chart(
        f"{title}, last {found.window}",
        unit,
        {name: [values[name] for values in found.values] for name in found.values[0]},
        found.timestamps,
        found.bucket // timedelta(seconds=1),
    )


def series(found: Series) -> schemas.SeriesRead:
    """A series; its last bucket is running."""
    points = [
        schemas.SeriesPoint.model_validate({"timestamp": timestamp, **_rounded(values)})
        for timestamp, values in zip(found.timestamps, found.values, strict=True)
    ]
    points[-1].partial = True
    meta = schemas.SeriesMeta(
        metric=found.metric,
        window=found.window,
        bucket_seconds=found.bucket // timedelta(seconds=1),
    )
    return schemas.SeriesRead(data=points, meta=meta)


def _rounded(values: Values) -> dict[str, float]:
    return {name: round(value, _DIGITS) for name, value in values.items() if value is not None}
