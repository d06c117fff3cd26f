"""A fleet in figures, as it travels over the wire."""

from typing import Annotated

from pydantic import ConfigDict, Field, WithJsonSchema

from partner_api.surfaces.partner.schemas import Count, Total
from partner_api.surfaces.partner.wire import Timestamp, Wire
from partner_api.telemetry.series import Metric
from partner_api.telemetry.windows import WindowName


class Share(Wire):
    """Devices that have something in common."""

    count: Count = Field(examples=[12])
    current: Count = Field(
        description="Of these, how many run the newest version that applies to them.", examples=[9]
    )


class VersionShare(Share):
    """Devices of one version."""

    version: str = Field(examples=["1.0.5.42"])


class SystemShare(Share):
    """Devices of one operating system."""

    os: str = Field(examples=["macOS"])


class ArchitectureShare(Share):
    """Devices of one architecture."""

    arch: str = Field(examples=["arm64"])


class ChannelShare(Share):
    """Devices on one release channel."""

    channel: str = Field(examples=["stable"])


class Versions(Wire):
    """The same devices, counted in four ways; the most frequent first in each."""

    versions: list[VersionShare]
    os: list[SystemShare]
    architectures: list[ArchitectureShare]
    channels: list[ChannelShare]


class VersionsRead(Wire):
    """What the devices are and run."""

    data: Versions
    meta: Total


class SeriesPoint(Wire):
    """A bucket: when it begins, and the metric's numbers by their names."""

    model_config = ConfigDict(extra="allow")
    # Whole numbers stay whole.
    __pydantic_extra__: dict[str, Annotated[int | float, WithJsonSchema({"type": "number"})]]

    timestamp: Timestamp
    partial: bool | None = Field(
        None, description="True for the bucket that is not over yet; absent otherwise."
    )


class SeriesMeta(Wire):
    """What the points show."""

    metric: Metric
    window: WindowName
    bucket_seconds: int = Field(description="How long each bucket is.", examples=[900])


class SeriesRead(Wire):
    """A series over time, oldest first."""

    data: list[SeriesPoint]
    meta: SeriesMeta
