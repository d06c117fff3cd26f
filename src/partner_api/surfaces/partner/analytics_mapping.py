"""Pure functions from figures to what travels."""

from datetime import timedelta

from partner_api.surfaces.partner import analytics_schemas as schemas
from partner_api.surfaces.partner.schemas import Total
from partner_api.telemetry.makeup import Makeup
from partner_api.telemetry.series import Series


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


def series(found: Series) -> schemas.SeriesRead:
    """A series; its last bucket is running."""
    points = [
        schemas.SeriesPoint.model_validate({"timestamp": timestamp, **values})
        for timestamp, values in zip(found.timestamps, found.values, strict=True)
    ]
    points[-1].partial = True
    meta = schemas.SeriesMeta(
        metric=found.metric,
        window=found.window,
        bucket_seconds=found.bucket // timedelta(seconds=1),
    )
    return schemas.SeriesRead(data=points, meta=meta)
